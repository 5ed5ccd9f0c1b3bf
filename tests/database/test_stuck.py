"""Messages that make no progress are found: past their deadline, or with nothing to send them."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import House
from waypost.drivers.port import Accepted
from waypost.kit.db import Database
from waypost.messages import stuck
from waypost.messages.model import show_batch_id
from waypost.messages.pause import pause

HOUR = timedelta(hours=1)
OLD = "update messages set updated_at = now() - interval '1 hour'"
LATE = f"{OLD}, expires_at = now() - interval '1 hour' where id = $1"
WATCH = """
insert into alarms select account_id, id, expires_at from messages on conflict do nothing
"""


def numbers(count: int) -> list[str]:
    return [f"2784{5_001_000 + n}" for n in range(count)]


async def soonest(house: House) -> set[tuple[UUID, bool]]:
    async with house.db.read() as tx:
        return {(s.id, s.is_overdue) for s in await stuck.soonest(tx, house.clock.now())}


async def of_a_month(house: House) -> set[tuple[UUID, bool]]:
    async with house.db.read() as tx:
        return {(s.id, s.is_overdue) for s in await stuck.of_a_month(tx, house.clock.now())}


async def test_what_moves_is_not_stuck(db: Database, connection: asyncpg.Connection) -> None:
    """Queued, parked, on the wire, scheduled, held or sent: each is where it belongs."""
    house = await House(db).open()
    await house.accept(*numbers(4), *numbers(4))
    sent, _ = await house.mark(2)
    await house.settle(sent, Accepted("wamid"))
    await house.accept("27847777777", send_at=house.clock.now() + HOUR)
    await house.accept("27847777778")
    batch_id = await connection.fetchval("select id from batches order by id desc limit 1")
    await db.transact(lambda tx: pause(tx, house.account_id, show_batch_id(batch_id), house.clock))
    await connection.execute(OLD)
    await connection.execute(WATCH)

    assert await soonest(house) == set()
    assert await of_a_month(house) == set()


@pytest.mark.parametrize("status", ["Queued", "Sending", "Scheduled"])
async def test_what_is_past_its_deadline_is_stuck(
    db: Database, connection: asyncpg.Connection, status: str
) -> None:
    house = await House(db).open()
    send_at = house.clock.now() + HOUR if status == "Scheduled" else None
    late, _ = await house.accept(*numbers(2), send_at=send_at)
    if status == "Sending":
        await house.mark(2)
    await connection.execute(LATE, late)
    await connection.execute(WATCH)

    assert await soonest(house) == {(late, True)}
    assert await of_a_month(house) == {(late, True)}


async def test_what_is_in_the_minute_of_grace_is_not(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(*numbers(1))
    await connection.execute(f"{OLD}, expires_at = now() - interval '30 s'")
    await connection.execute(WATCH)

    assert (await soonest(house), await of_a_month(house)) == (set(), set())


@pytest.mark.parametrize("is_marked", [False, True])
async def test_what_nothing_would_send_is_stuck(
    db: Database, connection: asyncpg.Connection, is_marked: bool
) -> None:
    house = await House(db).open()
    lost, parked, _ = await house.accept(*numbers(1), *numbers(1), "27847777777")
    if is_marked:
        await house.mark(1)
    await connection.execute(OLD)
    await connection.execute(WATCH)
    assert (await soonest(house), await of_a_month(house)) == (set(), set())

    await connection.execute("delete from pgqueuer where id = (select min(id) from pgqueuer)")

    assert await soonest(house) == {(lost, False)}
    assert await of_a_month(house) == {(lost, False)}
    assert await house.statuses([parked]) == ["Queued"]


async def test_what_was_just_touched_is_given_time(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(*numbers(1))
    await connection.execute("delete from pgqueuer")
    await connection.execute(WATCH)

    assert (await soonest(house), await of_a_month(house)) == (set(), set())


async def test_a_scheduled_message_that_nobody_would_queue_is_found_by_a_look_at_the_month(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (lost,) = await house.accept(*numbers(1), send_at=house.clock.now() + HOUR)
    await connection.execute("delete from alarms")

    assert await of_a_month(house) == {(lost, False)}
