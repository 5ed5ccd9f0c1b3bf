"""The SQL that PgQueuer's own port lacks: batches, releases, depths."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from waypost.kit.db import Tx
from waypost.queue.model import Lane

RETRY = """
update pgqueuer j
   set status = 'queued', execute_after = now() + later.delay, updated = now(),
       queue_manager_id = null
  from unnest($1::bigint[], $2::interval[]) as later(id, delay)
 where j.id = later.id and j.status = 'picked' and j.queue_manager_id = $3
"""

RELEASE = """
update pgqueuer
   set status = 'queued', execute_after = now(), updated = now(), queue_manager_id = null
 where queue_manager_id = $1 and status = 'picked'
"""

DEPTH = """
select count(*) from (
    select 1 from pgqueuer where entrypoint = $1 and status = 'queued' limit $2
) as counted
"""

# What waits for its next try stands in nobody's way.
AHEAD = """
select count(*) from (
    select 1 from pgqueuer
     where entrypoint = $1 and status = 'queued' and execute_after <= now() limit $2
) as counted
"""

HEAD = """
select id from pgqueuer
 where entrypoint = $1 and status = 'queued' and execute_after <= now()
 order by execute_after limit 1
"""

OLDEST = """
select execute_after from pgqueuer
 where entrypoint = $1 and status = 'queued' order by execute_after limit 1
"""

WITHOUT_JOB = """
select payload from unnest($1::bytea[]) as wanted(payload)
 where not exists (select from pgqueuer j where j.payload = wanted.payload)
"""

# It waits for nobody: behind a long reader (a dump) every accept would wait for this in turn.
PRUNE_LOG = "set local lock_timeout = '1s'; truncate pgqueuer_log, pgqueuer_statistics"


async def retry(tx: Tx, owner: UUID, ids: Sequence[int], delays: Sequence[timedelta]) -> None:
    """Hand jobs out again, each after its delay; touches only what the owner still holds."""
    await tx.execute(RETRY, ids, delays, owner)


async def release(tx: Tx, owner: UUID) -> None:
    """Give back all that the owner holds."""
    await tx.execute(RELEASE, owner)


async def depth(tx: Tx, lane: Lane, limit: int) -> int:
    """How many jobs wait in the lane, counted up to `limit`."""
    count: int = await tx.fetchval(DEPTH, lane, limit)
    return count


async def ahead(tx: Tx, lane: Lane, limit: int) -> int:
    """How many jobs of the lane are due, counted up to `limit`."""
    count: int = await tx.fetchval(AHEAD, lane, limit)
    return count


async def head(tx: Tx, lane: Lane) -> int:
    """The id of the job that has been due the longest; 0 for an empty lane."""
    id: int | None = await tx.fetchval(HEAD, lane)
    return id or 0


async def oldest(tx: Tx, lane: Lane) -> datetime | None:
    """Since when the lane's longest-waiting job has been due."""
    due: datetime | None = await tx.fetchval(OLDEST, lane)
    return due


async def without_job(tx: Tx, payloads: Sequence[bytes]) -> list[bytes]:
    """Which of these no job stands for. The whole queue is read."""
    return [row["payload"] for row in await tx.fetch(WITHOUT_JOB, payloads)]


async def prune_log(tx: Tx) -> None:
    """Empty PgQueuer's own log."""
    await tx.execute(PRUNE_LOG)
