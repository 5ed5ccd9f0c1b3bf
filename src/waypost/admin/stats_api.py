"""The route of an operator's numbers."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel

from waypost.accounts.guard import Admin
from waypost.admin import stats
from waypost.admin.stats_model import Hour, PoolLoad
from waypost.kit.routing import Db, Time, contract_router, zulu

router = contract_router("/api/admin/stats", "Admin")


class HourAnswer(BaseModel):
    """The messages accepted in the hour from `hour` on, and what has become of them since."""

    hour: str
    accepted: int
    scheduled: int
    queued: int
    sent: int
    delivered: int
    read: int
    uncertain: int
    failed: int
    expired: int
    cancelled: int


class PoolLoadAnswer(BaseModel):
    """What waits in a pool, how long the oldest has been due, and who can carry it."""

    id: int
    name: str
    backlog: int
    oldest_age_seconds: int
    available_devices: int
    total_devices: int


class StatsAnswer(BaseModel):
    """The last hours, oldest first; the pools as they are, and their sums.

    `stuck` counts messages past their deadline, or that nothing would send: there should be none.
    """

    hours: list[HourAnswer]
    pools: list[PoolLoadAnswer]
    backlog: int
    oldest_age_seconds: int
    available_devices: int
    total_devices: int
    stuck: int


@router.get("")
async def read_stats(
    _: Admin, db: Db, time: Time, hours: Annotated[int, Query(ge=1, le=stats.MOST_HOURS)] = 24
) -> StatsAnswer:
    """How the last hours went, and how the pools stand now."""
    now = time.now()
    async with db.read() as tx:
        found = await stats.collect(tx, hours, now)
    pools = [_pool(each, now) for each in found.pools]
    return StatsAnswer(
        hours=[_hour(each) for each in found.hours],
        pools=pools,
        backlog=sum(each.backlog for each in pools),
        oldest_age_seconds=max((each.oldest_age_seconds for each in pools), default=0),
        available_devices=sum(each.available_devices for each in pools),
        total_devices=sum(each.total_devices for each in pools),
        stuck=found.stuck,
    )


def _hour(hour: Hour) -> HourAnswer:
    counts = asdict(hour)
    return HourAnswer(hour=zulu(counts.pop("at")), **counts)


def _pool(load: PoolLoad, now: datetime) -> PoolLoadAnswer:
    # A job that waits for its retry is not due yet.
    age = 0 if load.since is None else max(0, round((now - load.since).total_seconds()))
    return PoolLoadAnswer(
        id=load.pool.id,
        name=load.pool.name,
        backlog=load.backlog,
        oldest_age_seconds=age,
        available_devices=load.available_devices,
        total_devices=load.total_devices,
    )
