"""Alarms: what is scheduled is queued when it is due, and what waits too long ends, wherever."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import PLAIN, House, facts_are_whole, jobs_of, told, until, worker
from tests.support.people import opened
from waypost.devices import pools
from waypost.drivers.port import Accepted, DeviceDown
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.messages import watch
from waypost.messages.ring import AGAIN, Rung, is_due, ring
from waypost.queue.model import Reference, lane_of

OTHER = "27829999999"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def now() -> datetime:
    return datetime.now(UTC)


def numbers(count: int) -> list[str]:
    return [f"2782{1_000_000 + n}" for n in range(count)]


async def frozen(db: Database, credits: int = 1000) -> tuple[House, FrozenClock]:
    """A house whose time stands still until it is moved."""
    clock = FrozenClock(now())
    return await House(db, clock=clock).open(credits), clock


async def rung(house: House, most: int = 500) -> Rung:
    return await house.db.transact(lambda tx: ring(tx, house.clock, most))


async def watched(house: House, most: int = watch.AT_ONCE) -> bool:
    return await house.db.transact(lambda tx: watch.watch(tx, house.clock.now(), most))


async def in_the_lane(connection: asyncpg.Connection) -> list[UUID]:
    rows = await connection.fetch("select payload from pgqueuer order by priority desc, id")
    return [Reference.unpack(row["payload"]).message_id for row in rows]


async def alarms(connection: asyncpg.Connection) -> dict[UUID, datetime]:
    return {r["message_id"]: r["at"] for r in await connection.fetch("select * from alarms")}


async def test_a_scheduled_message_is_queued_when_it_is_due_and_not_before(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db)
    (id,) = await house.accept(PLAIN, send_at=clock.now() + HOUR)
    assert await in_the_lane(connection) == []

    clock.advance(HOUR - timedelta(seconds=1))
    assert await rung(house) == Rung()
    clock.advance(timedelta(seconds=1))
    found = await rung(house)

    assert found == Rung(alarms=1, lanes=frozenset({lane_of(1)}))
    assert await house.statuses([id]) == ["Queued"]
    assert await in_the_lane(connection) == [id]
    assert await told(connection, id) == ["message.scheduled", "message.queued"]
    await facts_are_whole(connection, id)
    (marked,) = await house.mark()
    await house.settle(marked, Accepted("wamid"))
    assert await house.statuses([id]) == ["Sent"]


async def test_what_was_scheduled_expires_a_day_after_it_was_due(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db, credits=10)
    (id,) = await house.accept(PLAIN, send_at=clock.now() + HOUR)
    due = clock.now() + HOUR
    clock.advance(HOUR)
    await rung(house)
    assert await alarms(connection) == {id: due + timedelta(days=1)}

    clock.advance(timedelta(days=1))
    found = await rung(house)

    assert found == Rung(alarms=1, expired=1)
    assert await house.statuses([id]) == ["Expired"]
    assert (await jobs_of(connection), await alarms(connection)) == ([], {})
    assert await house.balance() == 10


async def test_scheduled_messages_of_a_chain_leave_in_the_order_in_which_they_are_due(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db)
    (later,) = await house.accept(PLAIN, send_at=clock.now() + 2 * HOUR)
    (first,) = await house.accept(PLAIN, send_at=clock.now() + HOUR)
    (second,) = await house.accept(PLAIN, send_at=clock.now() + HOUR)
    sent = []

    clock.advance(3 * HOUR)
    await rung(house)
    for _ in range(3):
        (marked,) = await house.mark()
        sent.append(marked.claimed.text.id)
        await house.settle(marked, Accepted("wamid"))

    assert sent == [first, second, later]


async def test_what_may_wait_for_a_short_time_expires_in_time_wherever_it_stands(
    db: Database, connection: asyncpg.Connection
) -> None:
    """In the lane, parked behind its chain, or claimed by a worker that has not marked it."""
    house, clock = await frozen(db, credits=10)
    head, behind = [
        id for _ in range(2) for id in await house.accept(PLAIN, expires_in=timedelta(seconds=30))
    ]
    (claimed,) = await house.accept(OTHER, expires_in=timedelta(seconds=30))
    (stays,) = await house.accept(OTHER)
    await house.claim(1)

    clock.advance(timedelta(seconds=29))
    assert await rung(house) == Rung()
    clock.advance(timedelta(seconds=1))
    found = await rung(house)

    assert found == Rung(alarms=3, expired=3)
    assert await house.statuses([head, behind, claimed]) == ["Expired"] * 3
    assert await in_the_lane(connection) == [stays]
    assert await connection.fetchval("select count(*) from parked_jobs") == 0
    assert await house.balance() == 9
    assert await told(connection, head) == ["message.queued", "message.expired"]


async def test_what_is_scheduled_and_past_its_deadline_ends_without_being_queued(
    db: Database,
) -> None:
    """No worker was there when it was due."""
    house, clock = await frozen(db, credits=10)
    (id,) = await house.accept(PLAIN, send_at=clock.now() + HOUR, expires_in=MINUTE)

    clock.advance(HOUR + MINUTE)
    assert await rung(house) == Rung(alarms=1, expired=1)

    assert await house.statuses([id]) == ["Expired"]
    assert await house.balance() == 10


async def test_what_is_on_the_wire_at_its_deadline_is_looked_at_again(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db, credits=10)
    (id,) = await house.accept(PLAIN, expires_in=MINUTE)
    (marked,) = await house.mark()

    clock.advance(MINUTE)
    assert await rung(house) == Rung(alarms=1)
    assert await house.statuses([id]) == ["Sending"]
    assert await alarms(connection) == {id: clock.now() + AGAIN}
    await house.settle(marked, DeviceDown("gone"))
    clock.advance(AGAIN)

    assert await rung(house) == Rung(alarms=1, expired=1)
    assert await house.statuses([id]) == ["Expired"]
    assert await house.balance() == 10


async def test_what_was_sent_meanwhile_is_left_alone(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db, credits=10)
    (id,) = await house.accept(PLAIN, expires_in=MINUTE)
    (marked,) = await house.mark()
    await house.settle(marked, Accepted("wamid"))

    clock.advance(MINUTE)
    assert await rung(house) == Rung(alarms=1)

    assert await house.statuses([id]) == ["Sent"]
    assert await alarms(connection) == {}
    assert await house.balance() == 9


async def test_an_alarm_of_a_message_that_was_dropped_goes(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db)
    await house.accept(PLAIN, expires_in=MINUTE)
    await connection.execute("delete from messages")

    clock.advance(MINUTE)
    await rung(house)

    assert await alarms(connection) == {}


async def test_a_look_tells_whether_anything_is_due(db: Database) -> None:
    house, clock = await frozen(db)
    await house.accept(PLAIN, send_at=clock.now() + HOUR)

    async with db.read() as tx:
        assert not await is_due(tx, clock.now())
        assert await is_due(tx, clock.now() + HOUR)


async def test_many_workers_ring_at_once_and_each_message_is_queued_once(
    db: Database, connection: asyncpg.Connection
) -> None:
    clock = FrozenClock(now())
    houses = [await House(db, account_id=id, clock=clock).open() for id in range(1, 9)]
    ids = [id for h in houses for id in await h.accept(*numbers(50), send_at=clock.now() + HOUR)]
    clock.advance(HOUR)

    async def until_none_is_due() -> int:
        total = 0
        async with db.read() as tx:
            while await is_due(tx, clock.now()):
                total += (await rung(houses[0], 60)).alarms
        return total

    rang = await asyncio.gather(*(until_none_is_due() for _ in range(4)))

    assert sum(rang) == len(ids)
    assert sorted(await in_the_lane(connection)) == sorted(ids)
    for id in ids:
        assert await told(connection, id) == ["message.scheduled", "message.queued"]


async def test_of_an_account_one_worker_rings_at_a_time(db: Database) -> None:
    """Two at once could queue the messages of one chain in the wrong order."""
    clock = FrozenClock(now())
    one, two = [await House(db, account_id=id, clock=clock).open() for id in (1, 2)]
    mine = await one.accept(PLAIN, PLAIN, PLAIN, send_at=clock.now() + HOUR)
    theirs = await two.accept(PLAIN, PLAIN, send_at=clock.now() + HOUR)
    clock.advance(HOUR)

    async with db.tx() as tx:
        assert (await ring(tx, clock, most=2)).alarms == 2
        assert (await rung(two)).alarms == 2
        assert await two.statuses(theirs) == ["Queued"] * 2
        assert await rung(two) == Rung()

    assert (await rung(one)).alarms == 1
    assert await one.statuses(mine) == ["Queued"] * 3


async def test_what_is_due_goes_through_the_pool_that_its_account_has_now(
    db: Database, connection: asyncpg.Connection
) -> None:
    account = await opened(db, "mover")
    house = House(db, account_id=account.id, clock=FrozenClock(now()))
    await house.accept(PLAIN, send_at=now() + HOUR)
    other = await db.transact(lambda tx: pools.create(tx, "other", False, now()))
    await connection.execute("update accounts set pool_id = $1, weight = 3", other.id)
    house.clock = FrozenClock(now() + 2 * HOUR)

    assert (await rung(house)).lanes == {lane_of(other.id)}

    assert await connection.fetchval("select entrypoint from pgqueuer") == lane_of(other.id)
    assert await connection.fetchval("select pool_id from messages") == other.id


async def test_what_waits_for_minutes_gets_an_alarm_at_its_deadline(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db)
    waits, sent, wired = await house.accept(*numbers(3))
    marks = await house.mark(3)
    by_id = {each.claimed.text.id: each for each in marks}
    await house.settle(by_id[sent], Accepted("wamid"))
    await house.settle(by_id[waits], DeviceDown("gone"))
    assert await alarms(connection) == {}

    clock.advance(watch.AGE + MINUTE)
    (young,) = await house.accept(PLAIN)
    assert not await watched(house)

    assert (await alarms(connection)).keys() == {waits, wired}
    clock.advance(timedelta(days=1) - watch.AGE - MINUTE)
    assert await rung(house) == Rung(alarms=2, expired=1)
    assert await house.statuses([waits, wired, young]) == ["Expired", "Sending", "Queued"]
    assert not await watched(house)
    assert (await alarms(connection)).keys() == {wired, young}


async def test_the_walk_goes_on_where_it_stopped_and_passes_each_message_once(
    db: Database, connection: asyncpg.Connection
) -> None:
    house, clock = await frozen(db)
    ids = await house.accept(*numbers(5))
    clock.advance(watch.AGE + MINUTE)
    seen = []
    for _ in range(3):
        more = await watched(house, most=2)
        seen.append((more, len(await alarms(connection))))
    await connection.execute("delete from alarms")

    assert seen == [(True, 2), (True, 4), (False, 5)]
    assert not await watched(house)
    assert await alarms(connection) == {}
    assert await house.statuses(ids) == ["Queued"] * 5


async def test_one_worker_walks_at_a_time(db: Database, connection: asyncpg.Connection) -> None:
    house, clock = await frozen(db)
    await house.accept(*numbers(5))
    clock.advance(watch.AGE + MINUTE)

    async with db.tx() as tx:
        assert await watch.watch(tx, clock.now(), 2)
        assert not await watched(house)
    assert len(await alarms(connection)) == 2


@pytest.mark.parametrize("device", ["up", "down"])
async def test_a_worker_queues_what_is_due_within_about_a_second_and_ends_what_is_late(
    database_url: str, db: Database, connection: asyncpg.Connection, device: str
) -> None:
    if device == "down":
        await connection.execute("update devices set is_paused = true")
    house = await House(db).open(credits=10)
    async with worker(database_url):
        (timely,) = await house.accept(PLAIN, send_at=now() + timedelta(seconds=1))
        (late,) = await house.accept(
            OTHER, send_at=now() + timedelta(seconds=1), expires_in=timedelta(seconds=3)
        )
        ends = ["Read"] * 2 if device == "up" else ["Queued", "Expired"]

        async def ended() -> bool:
            return await house.statuses([timely, late]) == ends

        await until(ended)

    queued = await connection.fetchval(
        "select extract(epoch from e.at - m.send_at) from message_events e"
        "  join messages m on m.id = e.message_id"
        " where m.id = $1 and e.type = 'message.queued'",
        timely,
    )
    assert 0 <= queued < 2
    assert await house.balance() == (8 if device == "up" else 9)
