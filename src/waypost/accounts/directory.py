"""Look accounts up, change them and close them."""

from collections.abc import Collection
from datetime import datetime

from waypost.accounts import store, store_sessions
from waypost.accounts.errors import LastAdmin
from waypost.accounts.model import Account, Changes, OnUncertain
from waypost.accounts.register import known_pool
from waypost.kit.db import Tx
from waypost.kit.errors import NotFound
from waypost.kit.page import PageAsk


async def find(tx: Tx, id: int) -> Account:
    """The account, unless it was deleted."""
    return _found(await store.find(tx, id))


async def page(tx: Tx, ask: PageAsk) -> tuple[list[Account], int]:
    """A numbered page of all accounts, and how many there are."""
    rows = await store.page(tx, ask.per_page, (ask.page - 1) * ask.per_page)
    return rows, await store.count(tx)


async def change(tx: Tx, id: int, changes: Changes, at: datetime) -> Account:
    """The account after the changes, of which every process hears; a new password ends sessions."""
    if changes.is_active is False or changes.is_admin is False:
        await _keep_an_admin(tx, without=id)
    if changes.pool_id is not None:
        await known_pool(tx, changes.pool_id)
    account = _found(await store.change(tx, id, changes))
    if changes.password_hash is not None:
        await store_sessions.revoke_all(tx, id, at)
    else:
        await store_sessions.announce(tx, id)
    return account


async def close(tx: Tx, id: int, at: datetime) -> Account:
    """Delete the account: its name is free again, its sessions end, its history stays."""
    await _keep_an_admin(tx, without=id)
    account = _found(await store.close(tx, id, at))
    await store_sessions.revoke_all(tx, id, at)
    return account


async def named(tx: Tx, username: str) -> Account:
    """The account of this name, in whatever case."""
    found = await store.credentials(tx, username)
    return _found(found and found[0])


async def weights(tx: Tx, ids: Collection[int]) -> dict[int, int]:
    """The accounts' shares of their pools, deleted accounts included."""
    return await store.weights(tx, ids)


async def policies(tx: Tx, ids: Collection[int]) -> dict[int, OnUncertain]:
    """What each account wants done with messages whose answer never came, deleted ones included."""
    return await store.policies(tx, ids)


async def pools(tx: Tx, ids: Collection[int]) -> dict[int, int]:
    """Through which pool each account sends now, deleted ones included."""
    return await store.pools(tx, ids)


async def any_admin(tx: Tx) -> bool:
    """Whether there is an admin, active or not."""
    return await store.any_admin(tx)


async def hold(tx: Tx) -> None:
    """Keep all accounts as they are until the transaction ends."""
    await store.hold(tx)


async def _keep_an_admin(tx: Tx, without: int) -> None:
    if await store.lock_active_admins(tx) == {without}:
        raise LastAdmin


def _found(account: Account | None) -> Account:
    if account is None:
        raise NotFound("There is no such account.")
    return account


async def leave_pool(tx: Tx, pool_id: int) -> None:
    """A pool is about to be deleted: let deleted accounts not stand in the way."""
    await store.leave_pool(tx, pool_id)
