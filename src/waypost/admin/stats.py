"""How the last hours went, and how the pools stand now."""

from datetime import datetime, timedelta

from waypost.admin import store_stats
from waypost.admin.stats_model import Hour, PoolLoad, Stats
from waypost.devices import pools
from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at
from waypost.messages import stuck
from waypost.messages.model import ID_SLACK
from waypost.queue import depths
from waypost.queue.model import lane_of

MOST_HOURS = 168

_HOUR = timedelta(hours=1)


async def collect(tx: Tx, hours: int, now: datetime) -> Stats:
    """The last `hours` hours, the present one included, every pool, and what does not move."""
    return Stats(await _hours(tx, hours, now), await _pools(tx), len(await stuck.soonest(tx, now)))


async def _hours(tx: Tx, hours: int, now: datetime) -> list[Hour]:
    since = now.replace(minute=0, second=0, microsecond=0) - (hours - 1) * _HOUR
    found = await store_stats.hours(tx, first_id_at(since, -ID_SLACK))
    starts = [since + step * _HOUR for step in range(hours)]
    return [found.get(start) or Hour(start) for start in starts]


async def _pools(tx: Tx) -> list[PoolLoad]:
    listed = await pools.listed(tx)
    counts = await pools.counts(tx, [pool.id for pool in listed])
    loads = []
    for pool in listed:
        depth = await depths.of(tx, lane_of(pool.id))
        loads.append(PoolLoad(pool, depth.waiting, depth.since, *counts[pool.id]))
    return loads
