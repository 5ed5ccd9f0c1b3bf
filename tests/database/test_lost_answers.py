"""The numbers whose answers are lost, through a whole worker."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import QUICK, House, jobs_of, told, until, worker
from waypost.kit.db import Database

ARRIVES, SILENT = "27821230009", "27821230010"
IMPATIENT = replace(QUICK, uncertain_after_seconds=1)
WITH_REPEATS = "update devices set config = config || '{\"deduplicates\": false}'"
ACCOUNT = """
insert into accounts (id, username, password_hash, pool_id, on_uncertain, created_at)
overriding system value values (1, 'lost', '', 1, $1, now())
"""


@pytest.fixture
async def house(db: Database, connection: asyncpg.Connection) -> House:
    await connection.execute(ACCOUNT, "hold")
    return await House(db).open()


async def came_to(house: House, ids: Sequence[UUID], *statuses: str) -> None:
    """Wait until they have these statuses."""

    async def there() -> bool:
        return await house.statuses(ids) == list(statuses)

    await until(there)


async def test_a_network_that_drops_repeats_is_given_it_again(
    house: House, database_url: str, connection: asyncpg.Connection
) -> None:
    slow = replace(QUICK, sandbox_delivered_seconds=3.0, sandbox_read_seconds=3.2)
    ids = await house.accept(ARRIVES)

    async with worker(database_url, slow):
        await came_to(house, ids, "Read")

    assert await told(connection, ids[0]) == [
        f"message.{fact}" for fact in ("queued", "sending", "sending", "sent", "delivered", "read")
    ]
    assert [state.attempts for state in await house.states(ids)] == [2]


async def test_elsewhere_it_waits_for_its_receipt(
    house: House, database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(WITH_REPEATS)
    ids = await house.accept(ARRIVES)

    async with worker(database_url):
        await came_to(house, ids, "Read")

    assert await told(connection, ids[0]) == [
        f"message.{fact}" for fact in ("queued", "sending", "delivered", "read")
    ]
    assert await jobs_of(connection) == []


async def test_a_receipt_that_is_late_finds_it_uncertain(
    house: House, database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(WITH_REPEATS)
    ids = await house.accept(ARRIVES)
    late = replace(IMPATIENT, sandbox_delivered_seconds=3.0, sandbox_read_seconds=3.2)

    async with worker(database_url, late):
        await came_to(house, ids, "Uncertain")
        await came_to(house, ids, "Read")


@pytest.mark.parametrize(
    ("rule", "status", "left"), [("hold", "Uncertain", 999), ("fail", "Failed", 1000)]
)
async def test_of_a_number_that_never_answers_the_account_s_rule_decides(
    house: House,
    database_url: str,
    connection: asyncpg.Connection,
    rule: str,
    status: str,
    left: int,
) -> None:
    await connection.execute(WITH_REPEATS)
    await connection.execute("update accounts set on_uncertain = $1", rule)
    ids = await house.accept(SILENT)

    async with worker(database_url, IMPATIENT):
        await came_to(house, ids, status)

    assert await house.balance() == left
    assert await jobs_of(connection) == []


async def test_where_repeats_are_dropped_it_is_tried_until_its_time_is_over(
    house: House, database_url: str, connection: asyncpg.Connection
) -> None:
    ids = await house.accept(SILENT, lifetime=timedelta(seconds=3))

    async with worker(database_url, IMPATIENT):
        await came_to(house, ids, "Uncertain")

    assert (await told(connection, ids[0])).count("message.sending") > 1
    assert await house.balance() == 999


async def test_where_no_device_drops_repeats_any_more_it_is_given_up_in_time(
    house: House, database_url: str, connection: asyncpg.Connection
) -> None:
    ids = await house.accept(SILENT)

    async with worker(database_url, IMPATIENT):
        await came_to(house, ids, "Sending")
        await connection.execute(WITH_REPEATS)
        await came_to(house, ids, "Uncertain")
