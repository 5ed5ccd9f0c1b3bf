"""SQL of the queue's upkeep."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from waypost.kit.db import Tx
from waypost.queue.fairness import HIGHEST, MUCH, ROOM, SOME, STEP
from waypost.queue.model import Lane

HEAD = """
select id, payload from pgqueuer
 where entrypoint = $1 and status = 'queued' order by priority desc, id limit $2
"""

STUCK = "select count(*) from pgqueuer where status = 'picked' and heartbeat < $1"

STRAYS = """
select distinct chain from parked_jobs p
 where not exists (
       select from pgqueuer j where j.dedupe_key = p.chain and j.status in ('queued', 'picked'))
 limit $1
"""

# How far a lane has come since its priorities were last raised.
_USED = f"c.now / {STEP} - (c.base - {ROOM})"

ADVANCED = f"""
select lane from lane_clocks c
 where {_USED} > {MUCH}
    or {_USED} > {SOME} and (
       select id from pgqueuer where entrypoint = c.lane and status = 'queued'
        order by priority desc, id limit 1) is null
 order by lane
"""

# Waits, a little, until no transaction is between its look at a base and its end, and lets none
# begin: who queues or claims holds a weaker lock of this table from before it looks. So nobody
# else ever has to lock a clock.
HOLD_ALL = "set local lock_timeout = '2s'; lock table pgqueuer in exclusive mode"

RAISE = f"""
with raised as materialized (
    select lane, {_USED} as by from lane_clocks c where lane = any($1::text[])
), clocks as (
    update lane_clocks c set base = c.base + raised.by from raised where c.lane = raised.lane
), parked as (
    update parked_jobs p set priority = least(p.priority + raised.by, {HIGHEST})
      from raised where p.lane = raised.lane
)
update pgqueuer j set priority = least(j.priority + raised.by, {HIGHEST})
  from raised where j.entrypoint = raised.lane
"""

# A flow with nothing in the queue is neither ahead nor behind; a clock that is moved on meanwhile
# is left alone, for the look did not see why.
FORGET = """
with idle as materialized (
    select account_id, kind, lane, finish from flow_clocks
     cross join lateral (
        select lpad(to_hex(account_id), 16, '0') || lpad(to_hex(kind::integer), 2, '0') as chains
       ) as of
     where not exists (
           select from pgqueuer j
            where j.dedupe_key between chains || repeat('0', 14) and chains || repeat('f', 14)
              and j.status in ('queued', 'picked'))
), held as (
    select account_id, kind, lane from flow_clocks f
      join idle using (account_id, kind, lane, finish) for update of f skip locked
)
delete from flow_clocks f using held
 where f.account_id = held.account_id and f.kind = held.kind and f.lane = held.lane
"""

# It waits for nobody: behind a long reader (a dump) every accept would wait for this in turn.
PRUNE_LOG = "set local lock_timeout = '1s'; truncate pgqueuer_log, pgqueuer_statistics"


async def head(tx: Tx, lane: Lane, most: int) -> list[asyncpg.Record]:
    """The lane's next jobs."""
    return await tx.fetch(HEAD, lane, most)


async def stuck(tx: Tx, before: datetime) -> int:
    """How many claimed jobs have an owner that has been silent since."""
    count: int = await tx.fetchval(STUCK, before)
    return count


async def strays(tx: Tx, most: int) -> list[str]:
    """Chains where something is parked behind nothing."""
    return [row["chain"] for row in await tx.fetch(STRAYS, most)]


async def advanced(tx: Tx) -> list[Lane]:
    """Lanes whose priorities are to be raised: much is used up, or it costs nothing now."""
    return [Lane(row["lane"]) for row in await tx.fetch(ADVANCED)]


async def hold_all(tx: Tx) -> None:
    """Have the whole queue to ourselves, or fail after two seconds."""
    await tx.execute(HOLD_ALL)


async def raise_priorities(tx: Tx, lanes: Sequence[Lane]) -> None:
    """Raise the bases of these lanes, and with them what stands in them."""
    await tx.execute(RAISE, lanes)


async def forget(tx: Tx) -> None:
    """Drop the clocks of flows with nothing in the queue."""
    await tx.execute(FORGET)


async def prune_log(tx: Tx) -> None:
    """Empty PgQueuer's own log."""
    await tx.execute(PRUNE_LOG)
