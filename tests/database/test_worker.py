"""A whole worker on a real database: what was accepted reaches its fate."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import (
    PLAIN,
    QUICK,
    House,
    facts_are_whole,
    jobs_of,
    plain,
    reached,
    told,
    until,
    went_once,
    worker,
)
from waypost.devices import manage, pools
from waypost.devices.model import Kind, NewDevice
from waypost.dispatch import claimer
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.queue.bell import Bell
from waypost.queue.model import lane_of


async def test_every_number_meets_the_fate_that_the_table_says(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=1000)
    fates = {
        "27821234567": "Read",
        "27821230001": "Failed",
        "27821230002": "Sent",
        "27821230003": "Delivered",
        "27821230004": "Failed",
        "27821230005": "Read",
        "27821230006": "Read",
        "27821230007": "Read",
    }
    ids = await house.accept(*fates)
    (never,) = await house.accept("27821230008", lifetime=timedelta(seconds=2))

    async def all_there() -> bool:
        return await house.statuses([*ids, never]) == [*fates.values(), "Expired"]

    async with worker(database_url):
        await until(all_there)

    attempts = [state.attempts for state in await house.states(ids)]
    assert attempts == [1, 1, 1, 1, 1, 1, 2, 1]
    assert await house.balance() == 1000 - len(ids) - 1 + 3
    assert await jobs_of(connection) == []
    for id in [*ids, never]:
        await facts_are_whole(connection, id)
    last = await told(connection, ids[0])
    assert last == [f"message.{f}" for f in ("queued", "sending", "sent", "delivered", "read")]


async def test_a_thousand_messages_of_two_pools_go_through_all_their_devices(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    async with db.tx() as tx:
        pool = await pools.create(tx, "second", False, House(db).clock.now())
        await manage.create(tx, NewDevice("s2", Kind.SANDBOX, pool.id), pool.created_at)
    first = await House(db).open()
    second = await House(db, account_id=2, pool_id=pool.id).open()
    ids = await first.accept(*plain(700))
    others = await second.accept(*plain(300))

    async with worker(database_url):
        await until(lambda: reached(first, ids, "Read"))
        await until(lambda: reached(second, others, "Read"))

    carried = Counter(state.device_id for state in await first.states(ids))
    assert sorted(carried) == [1, 2, 3]
    assert min(carried.values()) > 100
    assert {state.device_id for state in await second.states(others)} == {4}
    await went_once(connection, ids[::50])


async def test_workers_that_come_and_go_share_the_pools_and_send_nothing_twice(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    """Long before a lease would have run out."""
    at = House(db).clock.now()
    houses = [await House(db).open()]
    for number in range(2, 7):
        async with db.tx() as tx:
            pool = await pools.create(tx, f"pool {number}", False, at)
            await manage.create(tx, NewDevice(f"phone {number}", Kind.SANDBOX, pool.id), at)
        houses.append(await House(db, account_id=number, pool_id=pool.id).open())
    slow = replace(QUICK, sandbox_rate=40, lease_seconds=60)
    sent = [(house, await house.accept(*plain(100))) for house in houses]

    async def shared(*counts: int) -> bool:
        carried = "select worker_id, count(*) from leases where until > now() group by 1 order by 1"
        rows = await connection.fetch(carried)
        return [row["count"] for row in rows] == list(counts)

    async with worker(database_url, slow):
        await until(lambda: shared(6))
        async with worker(database_url, slow):
            await until(lambda: shared(3, 3))
            async with worker(database_url, slow):
                await until(lambda: shared(2, 2, 2))
        await until(lambda: shared(6))
        for house, ids in sent:
            await until(lambda house=house, ids=ids: reached(house, ids, "Read"))

    for house, ids in sent:
        assert {(state.attempts, state.mark) for state in await house.states(ids)} == {(1, 1)}
        await went_once(connection, ids[::10])


async def test_without_a_device_messages_wait_and_expire(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    await connection.execute("delete from devices")
    (late,) = await house.accept(PLAIN, lifetime=timedelta(seconds=0.3))
    (waiting,) = await house.accept(PLAIN)
    await asyncio.sleep(0.3)

    async with worker(database_url):
        await until(lambda: reached(house, [late], "Expired"))
        assert await house.statuses([waiting]) == ["Queued"]

    assert await house.balance() == 9
    (job,) = await jobs_of(connection)
    assert job["status"] == "queued"


async def test_the_bell_wakes_a_worker_that_would_sleep_on(
    database_url: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claimer, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr("waypost.fleet.fleet.LOOK_SECONDS", 3600.0)
    house = await House(db).open()
    bell = Bell(db)
    ringing = asyncio.create_task(bell.run())
    settings: Settings = QUICK

    async def rung(ids: list[UUID]) -> bool:
        bell.ring(lane_of(1))
        return await reached(house, ids, "Read")

    async with worker(database_url, settings):
        for _ in range(3):
            ids = await house.accept(PLAIN)
            await until(lambda sent=ids: rung(sent))
    ringing.cancel()
