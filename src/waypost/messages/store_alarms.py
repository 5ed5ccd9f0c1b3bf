"""SQL of the moments at which a message is to be looked at, and of the walk that sets them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from waypost.kit.db import Tx
from waypost.messages.model import Status
from waypost.messages.store_progress import Key

Alarm = tuple[int, UUID, datetime]
"""A message's account and id, and when to look at it."""

SET = """
insert into alarms (account_id, message_id, at)
select * from unnest($1::bigint[], $2::uuid[], $3::timestamptz[])
    on conflict (account_id, message_id) do update set at = excluded.at
"""

IS_ANY_DUE = "select exists (select from alarms where at <= $1)"

# In the order in which they are due, whatever other workers take: of an account one takes at a
# time. What one of them did a moment ago is seen by the lock on the row.
TAKE_DUE = """
with accounts as materialized (
    select account_id
      from (select account_id from alarms
             where at <= $1 order by at, account_id, message_id limit $2) as due
     group by account_id having pg_try_advisory_xact_lock(hashint8extended(account_id, $3))
)
select account_id, message_id from alarms
 where at <= $1 and account_id in (select account_id from accounts)
 order by at, account_id, message_id limit $2 for update skip locked
"""

# In the order in which every transaction takes them.
HOLD = """
select from alarms a
  join unnest($1::bigint[], $2::uuid[]) as t(account_id, message_id) using (account_id, message_id)
 order by a.account_id, a.message_id for update of a
"""

DROP = """
delete from alarms a
 using unnest($1::bigint[], $2::uuid[]) as t(account_id, message_id)
 where a.account_id = t.account_id and a.message_id = t.message_id
"""

TURN = 0x616C61726D
"""What sets our advisory locks on accounts apart from others'."""

# One worker walks at a time; the others find nothing to do.
REACHED = "select reached from walks where name = 'waiting' for update skip locked"

# Returns how many messages were passed, and the last one's id.
WALK = """
with passed as materialized (
    select account_id, id, status, expires_at from messages
     where id > $1 and id < $2 order by id limit $3
), watched as (
    insert into alarms (account_id, message_id, at)
    select account_id, id, expires_at from passed where status = any($4::text[])
        on conflict do nothing
)
select count(*) as passed, (array_agg(id order by id desc))[1] as last from passed
"""

REACH = "update walks set reached = $1 where name = 'waiting'"


async def put(tx: Tx, alarms: Sequence[Alarm]) -> None:
    """Look at these messages then; each has one alarm at most, the last that was set."""
    rows = sorted(alarms)
    await tx.execute(SET, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows])


async def is_any_due(tx: Tx, now: datetime) -> bool:
    """Whether there is a message to be looked at."""
    due: bool = await tx.fetchval(IS_ANY_DUE, now)
    return due


async def take_due(tx: Tx, now: datetime, most: int) -> list[Key]:
    """Messages to be looked at, whose alarms are ours until the transaction ends."""
    return [(row[0], row[1]) for row in await tx.fetch(TAKE_DUE, now, most, TURN)]


async def hold(tx: Tx, keys: Sequence[Key]) -> None:
    """Let nobody else touch these messages' alarms until the transaction ends."""
    await tx.execute(HOLD, [key[0] for key in keys], [key[1] for key in keys])


async def drop(tx: Tx, keys: Sequence[Key]) -> None:
    """There is nothing more to be looked at."""
    await tx.execute(DROP, [key[0] for key in keys], [key[1] for key in keys])


async def reached(tx: Tx) -> UUID | None:
    """How far the walk has come; None where another worker is on its way."""
    id: UUID | None = await tx.fetchval(REACHED)
    return id


async def walk(tx: Tx, after: UUID, end: UUID, most: int) -> tuple[int, UUID | None]:
    """Set alarms for what still waits of the next `most` ids; how many there were, and the last."""
    waiting = [Status.QUEUED, Status.SENDING]
    row = await tx.fetchrow(WALK, after, end, most, waiting)
    assert row is not None
    return row["passed"], row["last"]


async def reach(tx: Tx, id: UUID) -> None:
    """The walk has come so far."""
    await tx.execute(REACH, id)
