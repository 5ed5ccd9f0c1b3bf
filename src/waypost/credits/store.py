"""SQL of balances and the ledger."""

from collections.abc import Sequence
from datetime import datetime

from waypost.credits.model import Entry, Kind, Move, Wallet
from waypost.kit.db import Tx

OPEN = "insert into wallets (account_id) values ($1)"

# In the order of ids: every transaction that takes several accounts takes them so.
LOCK = """
select account_id, credits, entries from wallets
 where account_id = any($1::bigint[]) order by account_id for no key update
"""

WRITE = """
with written as (
    insert into ledger
        (account_id, number, delta, balance, kind, message_id, actor_id, reason, at)
    select t.*, $9 from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                               $5::text[], $6::uuid[], $7::bigint[], $8::text[]) as t
)
update wallets w set credits = t.credits, entries = t.entries
  from unnest($10::bigint[], $11::bigint[], $12::bigint[]) as t(account_id, credits, entries)
 where w.account_id = t.account_id
"""

BALANCE = "select credits from wallets where account_id = $1"

STATEMENT = """
select number, delta, balance, kind, message_id, reason, at from ledger
 where account_id = $1 and number < $2 order by number desc limit $3
"""

# Balances that are not the sum of their entries; the whole ledger is read.
DIFFERENCES = """
select w.account_id, w.credits, coalesce(sum(l.delta), 0)::bigint as total
  from wallets w left join ledger l using (account_id)
 group by w.account_id having w.credits <> coalesce(sum(l.delta), 0)
 order by w.account_id limit 100
"""

# Recent entries that do not follow from the one before, and balances that are not the last entry's:
# by induction from what was checked before, balance = sum of entries.
BREAKS = """
select l.account_id from ledger l
 where l.at >= $1
   and l.balance <> l.delta + coalesce((
       select before.balance from ledger before
        where before.account_id = l.account_id and before.number = l.number - 1), 0)
union
select w.account_id from wallets w
  left join lateral (
       select number, balance from ledger l
        where l.account_id = w.account_id order by number desc limit 1) as last on true
 where (w.credits, w.entries) <> (coalesce(last.balance, 0), coalesce(last.number, 0))
 limit 100
"""


async def open_wallet(tx: Tx, account_id: int) -> None:
    """An empty balance for a new account."""
    await tx.execute(OPEN, account_id)


async def lock(tx: Tx, account_ids: Sequence[int]) -> dict[int, Wallet]:
    """Hold these balances until the transaction ends."""
    rows = await tx.fetch(LOCK, account_ids)
    return {row[0]: Wallet(row[0], row[1], row[2]) for row in rows}


async def write(
    tx: Tx, moves: Sequence[tuple[Move, int, int]], wallets: Sequence[Wallet], at: datetime
) -> None:
    """Add the moves (each with its number and balance) and set the balances they lead to."""
    await tx.execute(
        WRITE,
        [move.account_id for move, _, _ in moves],
        [number for _, number, _ in moves],
        [move.delta for move, _, _ in moves],
        [balance for _, _, balance in moves],
        [move.kind for move, _, _ in moves],
        [move.message_id for move, _, _ in moves],
        [move.actor_id for move, _, _ in moves],
        [move.reason for move, _, _ in moves],
        at,
        [wallet.account_id for wallet in wallets],
        [wallet.credits for wallet in wallets],
        [wallet.entries for wallet in wallets],
    )


async def balance(tx: Tx, account_id: int) -> int:
    """What the account has now."""
    credits: int | None = await tx.fetchval(BALANCE, account_id)
    return credits or 0


async def statement(tx: Tx, account_id: int, before: int, most: int) -> list[Entry]:
    """Ledger entries, newest first."""
    rows = await tx.fetch(STATEMENT, account_id, before, most)
    return [Entry(**{**row, "kind": Kind(row["kind"])}) for row in rows]


async def differences(tx: Tx) -> list[tuple[int, int, int]]:
    """Accounts whose balance is not the sum of their entries: (account, balance, sum)."""
    return [tuple(row) for row in await tx.fetch(DIFFERENCES)]


async def breaks(tx: Tx, since: datetime) -> list[int]:
    """Accounts whose books do not add up, judged by the entries made since."""
    return [row["account_id"] for row in await tx.fetch(BREAKS, since)]
