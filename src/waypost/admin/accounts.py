"""What admins do to accounts; each deed and its entry in the audit log are one transaction.

`actor_id` is the admin; None is the shell. A deed is heard of by every process at its commit.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace

from waypost.accounts import directory, password
from waypost.accounts.model import Account, Changes, NewAccount
from waypost.admin import audit, store
from waypost.admin.errors import CannotTake
from waypost.admin.model import User
from waypost.credits import ledger
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import Kind, Move
from waypost.credits.open_account import open_account
from waypost.kit.clock import Clock
from waypost.kit.db import Database, Tx
from waypost.kit.page import PageAsk


async def ensure_admin(
    db: Database, clock: Clock, username: str, password_: str, credits: int = 0
) -> bool:
    """Open an admin's account where there is no admin at all; whether it was opened."""
    async with db.read() as tx:
        if await directory.any_admin(tx):
            return False
    hashed = await password.hashed(password_, username)
    new = NewAccount(username, hashed, is_admin=True)

    async def work(tx: Tx) -> bool:
        await directory.hold(tx)
        if await directory.any_admin(tx):
            return False
        await _open(tx, clock, None, new, credits, Kind.GRANT)
        return True

    return await db.transact(work)


async def create(
    db: Database, clock: Clock, actor_id: int | None, new: NewAccount, credits: int, kind: Kind
) -> User:
    """Open an account with its first credits."""
    return await db.transact(lambda tx: _open(tx, clock, actor_id, new, credits, kind))


async def get(tx: Tx, id: int) -> User:
    """An account and its balance."""
    return await _with_balance(tx, await directory.find(tx, id))


async def page(tx: Tx, ask: PageAsk) -> tuple[list[User], int]:
    """A page of accounts, and how many there are."""
    accounts, total = await directory.page(tx, ask)
    credits = await store.balances(tx, [account.id for account in accounts])
    return [User(account, credits[account.id]) for account in accounts], total


async def change(
    db: Database,
    clock: Clock,
    actor_id: int | None,
    id: int,
    changes: Changes,
    new_password: str | None = None,
) -> User:
    """Change an account; a new password ends its sessions."""
    if new_password is not None:
        async with db.read() as tx:
            username = (await directory.find(tx, id)).username
        hashed = await password.hashed(new_password, username)
        changes = replace(changes, password_hash=hashed)

    async def work(tx: Tx) -> User:
        account = await directory.change(tx, id, changes, clock.now())
        await _note(tx, clock, actor_id, "changed", id, _told(changes))
        return await _with_balance(tx, account)

    return await db.transact(work)


async def delete(db: Database, clock: Clock, actor_id: int | None, id: int) -> None:
    """Close an account; its name is free again, its history stays."""

    async def work(tx: Tx) -> None:
        account = await directory.close(tx, id, clock.now())
        await _note(tx, clock, actor_id, "deleted", id, {"username": account.username})

    await db.transact(work)


async def give(
    db: Database, clock: Clock, actor_id: int | None, id: int, amount: int, reason: str
) -> int:
    """Give credits, or take them (negative); returns the balance, which is never below zero."""

    async def work(tx: Tx) -> int:
        await directory.find(tx, id)
        move = Move(id, amount, Kind.GRANT, actor_id=actor_id, reason=reason)
        try:
            wallets = await ledger.post(tx, [move], clock.now())
        except InsufficientCredits:
            raise CannotTake(-amount, await ledger.balance(tx, id)) from None
        await _note(tx, clock, actor_id, "credited", id, {"amount": amount, "reason": reason})
        return wallets[id].credits

    return await db.transact(work)


async def _open(
    tx: Tx, clock: Clock, actor_id: int | None, new: NewAccount, credits: int, kind: Kind
) -> User:
    account = await open_account(tx, new, credits, clock.now(), kind, actor_id)
    detail = {"username": account.username, "is_admin": account.is_admin, "credits": credits}
    await _note(tx, clock, actor_id, "created", account.id, detail)
    return User(account, credits)


async def _with_balance(tx: Tx, account: Account) -> User:
    return User(account, await ledger.balance(tx, account.id))


async def _note(
    tx: Tx,
    clock: Clock,
    actor_id: int | None,
    what: str,
    id: int,
    detail: Mapping[str, object],
) -> None:
    await audit.record(tx, clock.now(), actor_id, f"user.{what}", f"user:{id}", detail)


def _told(changes: Changes) -> dict[str, object]:
    """What changed, without secrets."""
    told = {name: value for name, value in asdict(changes).items() if value is not None}
    if told.pop("password_hash", None):
        told["password"] = "changed"
    return told
