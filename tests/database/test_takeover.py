"""Workers that stop, die, hang or lose the database: nothing is lost, nothing goes twice."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from tests.support.messages import (
    PLAIN,
    QUICK,
    House,
    jobs_of,
    reached,
    until,
    went_once,
    worker,
)
from waypost.app.presence import WORKER
from waypost.app.worker import run_worker
from waypost.kit.db import Database
from waypost.queue import lanes

SLOW = replace(QUICK, sandbox_rate=40)  # with three devices, 120 messages a second


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
    assert time.monotonic() - started < 10

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


async def some_sent(connection: asyncpg.Connection) -> bool:
    sent = await connection.fetchval("select count(*) from messages where sent_at is not null")
    return bool(sent > 30)
