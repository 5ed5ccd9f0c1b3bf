"""SQL of workers and of their leases on pools; every moment is the database's own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from waypost.kit.db import Tx

# Whoever takes the lease over waits for those who hold it so; a renewal does not.
HOLD = """
select from leases where pool_id = $1 and worker_id = $2 and epoch = $3 for key share
"""

# Workers that died are forgotten after a day.
BEAT = """
with gone as (
    delete from workers where until < now() - interval '1 day' and id <> $1
), me as (
    insert into workers (id, started_at, until, is_leaving) values ($1, now(), now() + $2, $3)
    on conflict (id) do update set until = excluded.until, is_leaving = excluded.is_leaving
)
update leases set until = now() + $2 where worker_id = $1 returning pool_id, worker_id, epoch
"""

LOOK = """
select (select count(*) from pools) as pools,
       (select count(*) from pools p left join leases l on l.pool_id = p.id
         where l.until is null or l.until <= now()) as free,
       count(*) as workers,
       count(*) filter (where id < $1) as before
  from workers where until > now() and not is_leaving
"""

# A pool that is being deleted meanwhile is waited for, and then left out.
OPEN = """
insert into leases (pool_id, until)
select id, now() from pools p
 where not exists (select from leases l where l.pool_id = p.id) for key share
    on conflict do nothing
"""

# What is locked is being taken by another, or used by a holder who was late: it is left alone.
TAKE = """
with free as (
    select pool_id from leases where until <= now()
     order by until, pool_id limit $3 for update skip locked
)
update leases l set worker_id = $1, epoch = l.epoch + 1, until = now() + $2
  from free where l.pool_id = free.pool_id
returning l.pool_id, l.worker_id, l.epoch
"""

# What a worker left open, though its lease ended so many seconds ago, ends: it hangs or is frozen.
END_SESSIONS = """
select pg_terminate_backend(a.pid)
  from leases l
  join pg_stat_activity a on a.application_name = $1 || l.worker_id
 where l.until < now() - make_interval(secs => $2) and a.datname = current_database()
   and a.xact_start < l.until
"""

TAKE_DOWN = """
update devices set state = 'disconnected', state_reason = $2, state_at = now()
 where pool_id = any($1::bigint[]) and state = 'connected'
"""

GIVE = """
with mine as (
    select pool_id from leases
     where pool_id = $1 and worker_id = $2 and epoch = $3 for update skip locked
)
update leases l set worker_id = null, until = now()
  from mine where l.pool_id = mine.pool_id
returning l.pool_id
"""

LEAVE = "delete from workers where id = $1"

WORKERS = "select count(*) from workers where until > now() and not is_leaving"

ENDED = """
select p.id, coalesce(l.until, p.created_at) as since
  from pools p left join leases l on l.pool_id = p.id
 where p.id = any($1::bigint[]) and (l.until is null or l.until <= now())
"""

TELL = "select pg_notify($1, '')"


async def hold(tx: Tx, pool_id: int, worker_id: UUID, epoch: int) -> bool:
    """Whether this lease is; nobody takes it over before the transaction ends."""
    return await tx.fetchrow(HOLD, pool_id, worker_id, epoch) is not None


async def beat(tx: Tx, worker_id: UUID, life: timedelta, is_leaving: bool) -> list[asyncpg.Record]:
    """Prolong a worker's life and its leases, which are returned."""
    return await tx.fetch(BEAT, worker_id, life, is_leaving)


async def look(tx: Tx, worker_id: UUID) -> asyncpg.Record:
    """How many pools, free ones, living workers, and of these before this one there are."""
    row = await tx.fetchrow(LOOK, worker_id)
    assert row is not None
    return row


async def take(tx: Tx, worker_id: UUID, life: timedelta, most: int) -> list[asyncpg.Record]:
    """Lease free pools to a worker."""
    await tx.execute(OPEN)
    return await tx.fetch(TAKE, worker_id, life, most)


async def end_sessions(tx: Tx, prefix: str, seconds: float) -> None:
    """End the sessions, named after their worker, in which it is at work since before its lease
    ended so long ago."""
    await tx.execute(END_SESSIONS, prefix, seconds)


async def take_down(tx: Tx, pool_ids: Sequence[int], reason: str) -> None:
    """Note what is said to be connected in these pools as disconnected."""
    await tx.execute(TAKE_DOWN, pool_ids, reason)


async def give(tx: Tx, pool_id: int, worker_id: UUID, epoch: int) -> bool:
    """End a lease; says whether it was one, and nobody was holding it."""
    return await tx.fetchval(GIVE, pool_id, worker_id, epoch) is not None


async def leave(tx: Tx, worker_id: UUID) -> None:
    """Forget a worker."""
    await tx.execute(LEAVE, worker_id)


async def workers(tx: Tx) -> int:
    """How many workers live and take pools."""
    count: int = await tx.fetchval(WORKERS)
    return count


async def ended(tx: Tx, pool_ids: Sequence[int]) -> dict[int, datetime]:
    """Which of these pools nobody carries, and since when."""
    return {row["id"]: row["since"] for row in await tx.fetch(ENDED, pool_ids)}


async def tell(tx: Tx, channel: str) -> None:
    """Notify all who listen there, once the transaction has committed."""
    await tx.execute(TELL, channel)
