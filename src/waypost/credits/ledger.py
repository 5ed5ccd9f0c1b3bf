"""Move credits inside the caller's transaction; never below zero, never without an entry."""

from collections.abc import Sequence
from datetime import datetime

from waypost.credits import store
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import Entry, Move, Wallet
from waypost.kit.db import Tx
from waypost.kit.page import Slice, below


async def open_wallet(tx: Tx, account_id: int) -> None:
    """An empty balance for a new account."""
    await store.open_wallet(tx, account_id)


async def lock(tx: Tx, account_ids: set[int]) -> dict[int, Wallet]:
    """Hold these balances until the transaction ends, always in the order of ids."""
    return await store.lock(tx, sorted(account_ids))


async def move(
    tx: Tx, wallets: dict[int, Wallet], moves: Sequence[Move], at: datetime
) -> dict[int, Wallet]:
    """Write the moves, in order, on wallets that are locked; returns the wallets after them."""
    after = dict(wallets)
    lines = []
    for each in moves:
        wallet = after[each.account_id]
        credits = wallet.credits + each.delta
        if credits < 0:
            raise InsufficientCredits(required=-each.delta, available=wallet.credits)
        after[each.account_id] = Wallet(each.account_id, credits, wallet.entries + 1)
        lines.append((each, wallet.entries + 1, credits))
    if lines:
        changed = {each.account_id for each in moves}
        await store.write(tx, lines, [after[id] for id in changed], at)
    return after


async def post(tx: Tx, moves: Sequence[Move], at: datetime) -> dict[int, Wallet]:
    """Lock, then write."""
    wallets = await lock(tx, {each.account_id for each in moves})
    return await move(tx, wallets, moves, at)


async def balance(tx: Tx, account_id: int) -> int:
    """What the account has now."""
    return await store.balance(tx, account_id)


async def statement(tx: Tx, account_id: int, before: int | None, most: int) -> Slice[Entry]:
    """Ledger entries, newest first, from before the given number on."""
    rows = await store.statement(tx, account_id, below(before), most + 1)
    page = rows[:most]
    return Slice(page, page[-1].number if len(rows) > most else None)


async def differences(tx: Tx) -> list[tuple[int, int, int]]:
    """Accounts whose balance is not the sum of their entries: (account, balance, sum)."""
    return await store.differences(tx)


async def breaks(tx: Tx, since: datetime) -> list[int]:
    """Accounts whose books do not add up, judged by the entries made since: cheap, each hour."""
    return await store.breaks(tx, since)
