"""SQL of dropping old months. It walks over everybody's messages; only retention calls it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from waypost.kit.db import Locked, Tx
from waypost.kit.months import Month, aside_sql, month_named, shut_sql
from waypost.messages.model import COMPLETE
from waypost.messages.store_accept import make_partition
from waypost.messages.store_progress import Key

TURN = 0x576D7264  # "Wmrd"

# Of the session, as the run has many transactions.
TAKE_TURN = "select pg_try_advisory_lock($1)"
GIVE_TURN = "select pg_advisory_unlock($1)"

MONTHS = """
select right(child.relname, 7) as name
  from pg_inherits join pg_class child on child.oid = inhrelid
 where inhparent = 'messages'::regclass order by 1
"""

BORDER = "select id from messages where id >= $1 and id < $2 order by id offset $3 limit 1"

NUMBERS = """
select account_id, max(number) as last, count(*) as messages from messages
 where id >= $1 and id < $2 group by account_id
"""

UNFINISHED = """
select account_id, id, number from messages
 where id >= $1 and id < $2
   and not (status = any($3::text[]) or status = 'Uncertain' and expires_at <= $4)
"""

OUTSIDE = """
select m.account_id, m.id, m.number
  from unnest($1::bigint[], $2::bigint[]) as a (account_id, last)
 cross join lateral (
    select account_id, id, number from messages
     where account_id = a.account_id and number <= a.last and (id < $3 or id >= $4)
 ) as m
"""

# In the order in which those who accept lock these rows.
LOCK_COUNTS = """
select from message_counts where account_id = any($1::bigint[]) order by account_id for update
"""

HIDE = """
update message_counts c set dropped = t.dropped
  from unnest($1::bigint[], $2::bigint[]) as t (account_id, dropped)
 where c.account_id = t.account_id
"""

TAKE_BACK = """
insert into messages
select old.* from unnest($1::bigint[], $2::uuid[]) as kept (account_id, id)
  join messages_old old on old.account_id = kept.account_id and old.id = kept.id
"""

RENUMBER = """
update messages m set number = t.number
  from unnest($1::bigint[], $2::uuid[], $3::bigint[]) as t (account_id, id, number)
 where m.account_id = t.account_id and m.id = t.id
"""

DROP_OLD = "drop table messages_old"

# The inner limit has each batch looked up by itself: a join would read all messages.
DROP_BATCHES = """
delete from batches where (account_id, id) in (
    select account_id, id from batches b
     where created_at < $1
       and (select m.id from messages m
             where m.account_id = b.account_id and m.batch_id = b.id limit 1) is null
     limit $2)
"""


class Held(Exception):
    """Somebody is in the tables for long: a dump, or a report."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message and its running number."""

    account_id: int
    id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """How many messages of an account there are in a range, and the last one's number."""

    account_id: int
    last: int
    messages: int


async def take_turn(tx: Tx) -> bool:
    """Whether no other process drops months, until the turn is given back on this connection."""
    taken: bool = await tx.fetchval(TAKE_TURN, TURN)
    return taken


async def give_turn(tx: Tx) -> None:
    """Let another process drop months."""
    await tx.execute(GIVE_TURN, TURN)


async def months(tx: Tx) -> list[Month]:
    """The months that there is room for, oldest first."""
    return [month_named(row["name"]) for row in await tx.fetch(MONTHS)]


async def border(tx: Tx, first: UUID, end: UUID, skip: int) -> UUID:
    """The id before which there are `skip` messages from `first` on; `end` where there are less."""
    return await tx.fetchval(BORDER, first, end, skip) or end


async def numbers(tx: Tx, first: UUID, end: UUID) -> list[Numbers]:
    """Of each account with messages in this range of ids."""
    return [Numbers(**row) for row in await tx.fetch(NUMBERS, first, end)]


async def unfinished(tx: Tx, first: UUID, end: UUID, now: datetime) -> list[Numbered]:
    """Messages in this range of ids to which something is still to happen."""
    rows = await tx.fetch(UNFINISHED, first, end, [str(status) for status in COMPLETE], now)
    return [Numbered(**row) for row in rows]


async def outside(tx: Tx, accounts: Mapping[int, int], month: Month) -> list[Numbered]:
    """Of other months, what has no higher running number than this of its account."""
    rows = await tx.fetch(OUTSIDE, list(accounts), list(accounts.values()), month.first, month.end)
    return [Numbered(**row) for row in rows]


async def hide(tx: Tx, dropped: Mapping[int, int]) -> None:
    """Set up to which running number each account's messages are gone from its pages."""
    await tx.execute(LOCK_COUNTS, list(dropped))
    await tx.execute(HIDE, list(dropped), list(dropped.values()))


@contextmanager
def not_waiting_long() -> Iterator[None]:
    """Raises Held where the tables could not be shut soon enough."""
    try:
        yield
    except Locked:
        raise Held from None


async def shut(tx: Tx) -> None:
    """Keep everybody else out of the messages until the transaction ends."""
    await tx.execute(shut_sql("messages"))


async def replace_partition(tx: Tx, month: Month, kept: Collection[Key]) -> None:
    """Drop a month, but for the messages that are kept; the table is shut."""
    await tx.execute(aside_sql("messages", month))
    if kept:
        await make_partition(tx, month)
        await tx.execute(TAKE_BACK, [account for account, _ in kept], [id for _, id in kept])
    await tx.execute(DROP_OLD)


async def renumber(tx: Tx, messages: Sequence[Numbered]) -> None:
    """Give these messages these running numbers."""
    await tx.execute(
        RENUMBER,
        [m.account_id for m in messages],
        [m.id for m in messages],
        [m.number for m in messages],
    )


async def drop_batches(tx: Tx, before: datetime, most: int) -> bool:
    """Drop older batches of which no message is left, at most so many; whether that was all."""
    done = await tx.execute(DROP_BATCHES, before, most)
    return done != f"DELETE {most}"
