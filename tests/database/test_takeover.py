"""Workers that stop, die, hang or lose the database: nothing is lost, nothing goes twice."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import asyncpg

from tests.support.messages import (
    QUICK,
    House,
    jobs_of,
    plain,
    reached,
    until,
    went_once,
    worker,
)
from waypost.app.worker import run_worker
from waypost.devices import leases, manage, pools
from waypost.devices.model import Kind, NewDevice
from waypost.kit.db import Database
from waypost.queue.bell import Bell
from waypost.queue.model import lane_of

SLOW = replace(QUICK, sandbox_rate=40)  # with three devices, 120 messages a second
BRIEF = 1.0
"""A lease that runs out in a test."""


async def test_a_stop_in_mid_flow_leaves_nothing_half_done_and_another_worker_goes_on(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*plain(300), "27821230005")

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
    ids = await house.accept(*plain(300), "27821230005")
    frail = replace(SLOW, lease_seconds=BRIEF)
    killed = asyncio.create_task(run_worker(frail, database_url, asyncio.Event()))
    await until(lambda: some_sent(connection))
    killed.cancel()
    with suppress(asyncio.CancelledError):
        await killed
    before = {s.id: s.provider_id for s in await house.states(ids) if s.status == "Sending"}
    assert before, "it was killed with messages on their way"

    async with worker(database_url):
        await until(lambda: reached(house, ids, "Read"))

    after = {state.id: state for state in await house.states(list(before))}
    assert {id: state.provider_id for id, state in after.items()} == before
    assert {state.mark for state in after.values()} == {2}
    await went_once(connection, ids)
    assert await jobs_of(connection) == []
    assert await house.balance() == 1000 - len(ids)


async def test_a_message_that_takes_long_stays_its_workers_as_long_as_that_one_lives(
    database_url: str, db: Database
) -> None:
    """Three seconds, while a lease that is not prolonged ends after one."""
    brief = replace(QUICK, lease_seconds=BRIEF)
    house = await House(db).open()
    ids = await house.accept("27821230005")

    async with worker(database_url, brief), worker(database_url, brief):
        await until(lambda: reached(house, ids, "Read"))

    (state,) = await house.states(ids)
    assert (state.attempts, state.mark) == (1, 1)


async def test_a_worker_that_does_not_know_that_it_lost_a_pool_takes_nothing_of_it(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    """It believes in its lease until its next beat, a quarter of a minute later."""
    first = await House(db).open()
    async with db.tx() as tx:
        pool = await pools.create(tx, "second", False, first.clock.now())
        await manage.create(tx, NewDevice("s2", Kind.SANDBOX, pool.id), pool.created_at)
    second = await House(db, account_id=2, pool_id=pool.id).open()
    bell = Bell(db)
    ringing = asyncio.create_task(bell.run())

    async def send(house: House) -> list[UUID]:
        ids = await house.accept(*plain(10))
        bell.ring(lane_of(house.pool_id))
        return ids

    async with worker(database_url, replace(QUICK, lease_seconds=60)):
        for house in (first, second):
            ids = await send(house)
            await until(lambda house=house, ids=ids: reached(house, ids, "Read"))
        taken = "update leases set worker_id = $1, epoch = epoch + 1 where pool_id = $2"
        await connection.execute(taken, UUID(int=2), first.pool_id)
        lost = await send(first)
        for _ in range(3):
            ids = await send(second)
            await until(lambda ids=ids: reached(second, ids, "Read"))
        assert {(state.status, state.mark) for state in await first.states(lost)} == {("Queued", 0)}
        assert {job["status"] for job in await jobs_of(connection)} == {"queued"}
    ringing.cancel()


async def test_a_stop_does_not_wait_for_ever_for_what_is_under_way(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept("27821230005")

    async with worker(database_url, replace(QUICK, stop_seconds=3.5)):
        await until(lambda: reached(house, ids, "Sending"))
        started = time.monotonic()
    assert time.monotonic() - started < 10

    (job,) = await jobs_of(connection)
    assert (job["status"], await house.statuses(ids)) == ("queued", ["Sending"])
    async with worker(database_url):
        await until(lambda: reached(house, ids, "Read"))


async def test_receipts_that_were_to_come_before_a_restart_come_after_it(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    ids = await house.accept(*plain(20))
    patient = replace(QUICK, sandbox_delivered_seconds=60, sandbox_read_seconds=60)
    async with worker(database_url, patient):
        await until(lambda: reached(house, ids, "Sent"))

    async with worker(database_url):
        await until(lambda: reached(house, ids, "Read"))


async def test_connections_that_break_under_load_lose_nothing(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*plain(400))

    async with worker(database_url, SLOW):
        for _ in range(8):
            await asyncio.sleep(0.15)
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like $1 and datname = current_database()",
                f"{leases.SESSIONS}%",
            )
        await until(lambda: reached(house, ids, "Read"), 40)

    await went_once(connection, ids)
    assert await jobs_of(connection) == []
    assert await house.balance() == 1000 - len(ids)


async def some_sent(connection: asyncpg.Connection) -> bool:
    sent = await connection.fetchval("select count(*) from messages where sent_at is not null")
    return bool(sent > 30)
