"""The SQL that PgQueuer's own port lacks: batches, releases, chains.

Whoever takes several jobs takes them in the order of their ids, so that none waits in a circle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from waypost.kit.db import Tx
from waypost.queue.fairness import ROOM, STEP
from waypost.queue.model import Lane, Reference

# The lane's time goes on to the highest tag that was claimed.
MOVE_ON = f"""
insert into lane_clocks as c (lane, now, base)
values ($1, ({ROOM} - $2::bigint) * {STEP}, {ROOM})
    on conflict (lane) do update set now = (c.base - $2) * {STEP}
 where c.now < (c.base - $2) * {STEP}
"""

# PgQueuer's own way also writes a log that nobody here reads, and takes jobs in any order.
DELETE = """
with jobs as (select id from pgqueuer where id = any($1::bigint[]) order by id for update)
delete from pgqueuer where id = any(array(select id from jobs))
"""

# What is deleted here is held by that, so of several who promote a chain one does it. Jobs are
# counted, not asked whether they exist: a join would be planned for that, over the whole queue.
PROMOTE = """
with first as materialized (
    select parked.chain, parked.id from unnest($1::text[]) as wanted(chain)
     cross join lateral (
        select chain, id from parked_jobs p
         where p.chain = wanted.chain order by p.chain, p.id limit 1) as parked
     where 0 = (
        select count(*) from pgqueuer j
         where j.dedupe_key = parked.chain and j.status in ('queued', 'picked'))
), freed as (
    delete from parked_jobs p using first where p.chain = first.chain and p.id = first.id
    returning p.*
)
insert into pgqueuer (priority, entrypoint, dedupe_key, payload, status)
select priority, lane, chain, decode(chain, 'hex') || uuid_send(message_id), 'queued' from freed
"""

WITHDRAW = """
with parked as (
    delete from parked_jobs p using unnest($1::text[], $2::uuid[]) as t(chain, message_id)
     where p.chain = t.chain and p.message_id = t.message_id
)
delete from pgqueuer j using unnest($1::text[], $3::bytea[]) as t(chain, payload)
 where j.dedupe_key = t.chain and j.status in ('queued', 'picked') and j.payload = t.payload
"""

_BACK = "status = 'queued', updated = now(), queue_manager_id = null"

RETRY = f"""
with jobs as (
    select id from pgqueuer
     where id = any($1::bigint[]) and status = 'picked' and queue_manager_id = $3
     order by id for update
)
update pgqueuer j set {_BACK}, execute_after = now() + later.delay
  from jobs join unnest($1::bigint[], $2::interval[]) as later(id, delay) using (id)
 where j.id = jobs.id
"""

_GIVE_BACK = f"""
with jobs as (
    select id from pgqueuer where {{which}} and status = 'picked' order by id for update
)
update pgqueuer set {_BACK}, execute_after = now() where id = any(array(select id from jobs))
"""

RELEASE = _GIVE_BACK.format(which="queue_manager_id = $1")
RELEASE_JOBS = _GIVE_BACK.format(which="id = any($2::bigint[]) and queue_manager_id = $1")
RECLAIM = _GIVE_BACK.format(which="entrypoint = $1")

WITHOUT_JOB = """
select n from unnest($1::text[], $2::bytea[], $3::uuid[])
         with ordinality as wanted(chain, payload, message_id, n)
 where 0 = (select count(*) from pgqueuer j where j.dedupe_key = wanted.chain
               and j.status in ('queued', 'picked') and j.payload = wanted.payload)
   and 0 = (select count(*) from parked_jobs p
             where p.chain = wanted.chain and p.message_id = wanted.message_id)
 order by n
"""

STAND = """
select priority, id, status = 'picked' as is_claimed, 0 as in_chain from pgqueuer
 where dedupe_key = $1 and status in ('queued', 'picked') and payload = $2
 union all
select priority, null, false,
       1 + (select count(*) from parked_jobs before where before.chain = $1 and before.id < p.id)
  from parked_jobs p where chain = $1 and message_id = $3
"""

_LAST = 2**63 - 1  # the id of a job that has yet to be made


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a message stands; `in_chain` others of its own chain stand before it."""

    priority: int
    id: int | None
    is_claimed: bool
    in_chain: int

    @property
    def order(self) -> tuple[int, int]:
        """What sorts before it in its lane goes before it."""
        return -self.priority, _LAST if self.id is None else self.id


async def move_on(tx: Tx, lane: Lane, priority: int) -> None:
    """A job of this priority was claimed: the lane's time is its tag, if it was not later."""
    await tx.execute(MOVE_ON, lane, priority)


async def delete(tx: Tx, ids: Sequence[int]) -> None:
    """Remove these jobs."""
    await tx.execute(DELETE, ids)


async def promote(tx: Tx, chains: Sequence[str]) -> None:
    """Put the first that is parked of each chain into its lane, where no job is before it."""
    await tx.execute(PROMOTE, chains)


async def withdraw(tx: Tx, about: Sequence[Reference]) -> None:
    """Remove what stands for these messages; the jobs of their chains are held."""
    await tx.execute(
        WITHDRAW,
        [reference.key for reference in about],
        [reference.message_id for reference in about],
        [reference.pack() for reference in about],
    )


async def retry(tx: Tx, owner: UUID, ids: Sequence[int], delays: Sequence[timedelta]) -> None:
    """Hand jobs out again, each after its delay; touches only what the owner still holds."""
    await tx.execute(RETRY, ids, delays, owner)


async def release(tx: Tx, owner: UUID) -> None:
    """Give back all that the owner holds."""
    await tx.execute(RELEASE, owner)


async def release_jobs(tx: Tx, owner: UUID, ids: Sequence[int]) -> None:
    """Give back these jobs where the owner still holds them."""
    await tx.execute(RELEASE_JOBS, owner, ids)


async def reclaim(tx: Tx, lane: Lane) -> None:
    """Give back all of the lane that anybody holds."""
    await tx.execute(RECLAIM, lane)


async def without_job(tx: Tx, about: Sequence[Reference]) -> list[Reference]:
    """For which of these neither a job stands nor anything is parked."""
    rows = await tx.fetch(
        WITHOUT_JOB,
        [reference.key for reference in about],
        [reference.pack() for reference in about],
        [reference.message_id for reference in about],
    )
    return [about[row["n"] - 1] for row in rows]


async def stand(tx: Tx, about: Reference) -> Stand | None:
    """Where the message stands in the queue, if it does."""
    row = await tx.fetchrow(STAND, about.key, about.pack(), about.message_id)
    return None if row is None else Stand(**row)
