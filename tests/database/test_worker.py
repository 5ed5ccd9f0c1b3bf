"""A whole worker on a real database: what was accepted reaches its fate, whatever happens."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
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
    told,
    until,
    worker,
)
from waypost.app.presence import WORKER
from waypost.app.worker import run_worker
from waypost.devices import manage, pools
from waypost.devices.model import Kind, NewDevice
from waypost.dispatch import claimer
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.queue import lanes
from waypost.queue.bell import Bell
from waypost.queue.model import lane_of

SLOW = replace(QUICK, sandbox_rate=40)  # with three devices, 120 messages a second


async def reached(house: House, ids: list[UUID], *statuses: str) -> bool:
    return set(await house.statuses(ids)) <= set(statuses)


async def went_once(connection: asyncpg.Connection, ids: list[UUID]) -> None:
    """Each is told to be read once, and sent at most once: its delivery may be known before."""
    for id in ids:
        facts = Counter(await told(connection, id))
        assert facts["message.read"] == 1
        assert facts["message.sent"] <= 1
        await facts_are_whole(connection, id)


async def states_of_devices(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("select state from devices order by id")
    return [row["state"] for row in rows]


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
    ids = await first.accept(*[PLAIN] * 700)
    others = await second.accept(*[PLAIN] * 300)

    async with worker(database_url):
        await until(lambda: reached(first, ids, "Read"))
        await until(lambda: reached(second, others, "Read"))

    carried = Counter(state.device_id for state in await first.states(ids))
    assert sorted(carried) == [1, 2, 3]
    assert min(carried.values()) > 100
    assert {state.device_id for state in await second.states(others)} == {4}
    await went_once(connection, ids[::50])


async def test_a_stop_in_mid_flow_leaves_nothing_half_done_and_another_worker_goes_on(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 300, "27821230005")

    async with worker(database_url, SLOW):
        await until(lambda: some_sent(connection))
        started = time.monotonic()
    assert time.monotonic() - started < 10

    assert await reached(house, ids, "Queued", "Sent", "Delivered", "Read")
    assert {job["status"] for job in await jobs_of(connection)} == {"queued"}
    async with worker(database_url):
        await until(lambda: reached(house, ids, "Read"))
    await went_once(connection, ids)
    assert await jobs_of(connection) == []


async def test_a_killed_workers_messages_are_taken_over_and_sent_under_the_same_id(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 300, "27821230005")
    killed = asyncio.create_task(run_worker(SLOW, database_url, asyncio.Event()))
    await until(lambda: some_sent(connection))
    killed.cancel()
    with suppress(asyncio.CancelledError):
        await killed
    before = {s.id: s.provider_id for s in await house.states(ids) if s.status == "Sending"}
    assert before, "it was killed with messages on their way"

    async with worker(database_url, patience=timedelta(seconds=0.5)):
        await until(lambda: reached(house, ids, "Read"))

    after = {state.id: state for state in await house.states(list(before))}
    assert {id: state.provider_id for id, state in after.items()} == before
    assert {state.mark for state in after.values()} == {2}
    await went_once(connection, ids)
    assert await jobs_of(connection) == []
    assert await house.balance() == 1000 - len(ids)


async def test_two_workers_share_a_pool_and_send_nothing_twice(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 600)

    async with worker(database_url), worker(database_url):
        await until(lambda: reached(house, ids, "Read"))

    assert {(state.attempts, state.mark) for state in await house.states(ids)} == {(1, 1)}
    await went_once(connection, ids)


async def test_a_message_that_takes_long_stays_its_workers_as_long_as_that_one_lives(
    database_url: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "BEAT_EVERY", timedelta(seconds=0.1))
    house = await House(db).open()
    ids = await house.accept("27821230005")
    patience = timedelta(seconds=1)

    async with worker(database_url, QUICK, patience), worker(database_url, QUICK, patience):
        await until(lambda: reached(house, ids, "Read"))

    (state,) = await house.states(ids)
    assert (state.attempts, state.mark) == (1, 1)


async def test_a_stop_does_not_wait_for_ever_for_what_is_under_way(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept("27821230005")

    async with worker(database_url, replace(QUICK, stop_seconds=3.5)):
        await until(lambda: reached(house, ids, "Sending"))
        started = time.monotonic()
    assert time.monotonic() - started < 3.5

    (job,) = await jobs_of(connection)
    assert (job["status"], await house.statuses(ids)) == ("queued", ["Sending"])
    async with worker(database_url):
        await until(lambda: reached(house, ids, "Read"))


async def test_receipts_that_were_to_come_before_a_restart_come_after_it(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 20)
    patient = replace(QUICK, sandbox_delivered_seconds=60, sandbox_read_seconds=60)
    async with worker(database_url, patient):
        await until(lambda: reached(house, ids, "Sent"))

    async with worker(database_url):
        await until(lambda: reached(house, ids, "Read"))


async def test_connections_that_break_under_load_lose_nothing(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 400)

    async with worker(database_url, SLOW, patience=timedelta(seconds=0.5)):
        for _ in range(8):
            await asyncio.sleep(0.15)
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = $1 and datname = current_database()",
                WORKER,
            )
        await until(lambda: reached(house, ids, "Read"), 40)

    await went_once(connection, ids)
    assert await jobs_of(connection) == []
    assert await house.balance() == 1000 - len(ids)


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


async def test_paused_devices_send_nothing_until_they_are_resumed(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    for id in (1, 2):
        async with db.tx() as tx:
            await manage.pause(tx, id)

    async with worker(database_url):
        ids = await house.accept(*[PLAIN] * 30)
        await until(lambda: reached(house, ids, "Read"))
        assert {state.device_id for state in await house.states(ids)} == {3}
        async with db.tx() as tx:
            await manage.resume(tx, 1)
            await manage.pause(tx, 3)
        await asyncio.sleep(1.5)  # a worker looks each second
        ids = await house.accept(*[PLAIN] * 30)
        await until(lambda: reached(house, ids, "Read"))
        assert {state.device_id for state in await house.states(ids)} == {1}


async def test_the_rows_of_devices_tell_the_truth(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    async def are(*states: str) -> bool:
        return await states_of_devices(connection) == list(states)

    async with worker(database_url):
        await until(lambda: db.is_present(WORKER))
        async with db.tx() as tx:
            await manage.disconnect(tx, 2, House(db).clock.now())
        await until(lambda: are("connected", "disconnected", "connected"))
        async with db.tx() as tx:
            await manage.connect(tx, 2, House(db).clock.now())
            await manage.delete(tx, 3)
        await until(lambda: are("connected", "connected"))
    assert await are("disconnected", "disconnected")
    assert not await db.is_present(WORKER)

    async with worker(database_url):
        await until(lambda: are("connected", "connected"))


async def test_a_dropped_device_is_shown_as_such_until_it_is_back(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept("27821230007")

    async def dropped() -> bool:
        reason = "select count(*) from devices where state_reason like '%dropped%'"
        return bool(await connection.fetchval(reason))

    async def back() -> bool:
        return await states_of_devices(connection) == ["connected"] * 3

    async with worker(database_url):
        await until(dropped)
        await until(lambda: reached(house, ids, "Read"))
        await until(back)


async def test_a_pool_that_comes_while_the_worker_runs_is_served(
    database_url: str, db: Database
) -> None:
    house = House(db, pool_id=2)
    await house.open()

    async with worker(database_url):
        async with db.tx() as tx:
            pool = await pools.create(tx, "new", False, house.clock.now())
            await manage.create(tx, NewDevice("n1", Kind.SANDBOX, pool.id), house.clock.now())
        assert pool.id == 2
        ids = await house.accept(PLAIN)
        await until(lambda: reached(house, ids, "Read"))


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


async def some_sent(connection: asyncpg.Connection) -> bool:
    sent = await connection.fetchval("select count(*) from messages where sent_at is not null")
    return bool(sent > 30)
