"""A bulk as a whole: paused nothing of it leaves, resumed all does, cancelled it is refunded."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import PLAIN, House, jobs_of, told, until, worker
from tests.support.people import opened
from tests.support.sends import bulk
from waypost.drivers.port import Accepted, Retry
from waypost.kit.clock import Clock, FrozenClock
from waypost.kit.db import Database, Tx
from waypost.kit.errors import Conflict, NotFound
from waypost.messages import batches
from waypost.messages.batches import Progress
from waypost.messages.cancel import cancel_batch
from waypost.messages.model import Class, Status, show_batch_id
from waypost.messages.options import Options
from waypost.messages.pause import pause, resume
from waypost.messages.ring import ring
from waypost.messages.schemas import Recipient
from waypost.queue.model import Kind, Reference

HOUR = timedelta(hours=1)

Verb = Callable[[Tx, int, str, Clock], Awaitable[Progress]]


async def accepted(house: House, size: int = 4, **options: object) -> tuple[str, list[UUID]]:
    """A batch's shown id, and its messages'."""
    asked = bulk(house.account_id, size, options=Options(**options))
    ordinary = [Recipient(f"2784{5_001_000 + n}", {}) for n in range(size)]
    (answer,) = await house.submit(replace(asked, recipients=ordinary))
    assert answer.batch_id is not None
    return show_batch_id(answer.batch_id), answer.ids


async def act(house: House, verb: Verb, batch_id: str) -> Progress:
    return await house.db.transact(lambda tx: verb(tx, house.account_id, batch_id, house.clock))


async def looked_at(house: House, batch_id: str) -> Progress:
    async with house.db.read() as tx:
        return await batches.get(tx, house.account_id, batch_id, house.clock.now())


async def in_the_lane(connection: asyncpg.Connection) -> list[UUID]:
    rows = await connection.fetch("select payload from pgqueuer order by priority desc, id")
    return [Reference.unpack(row["payload"]).message_id for row in rows]


async def finish_of(connection: asyncpg.Connection, house: House) -> int:
    finish: int = await connection.fetchval(
        "select finish from flow_clocks where account_id = $1 and kind = $2",
        house.account_id,
        Kind.BULK,
    )
    return finish


async def test_a_batch_tells_where_its_messages_stand(db: Database) -> None:
    house = await House(db).open()
    batch_id, _ = await accepted(house, reference="spring")
    first, second = await house.mark(2)
    await house.settle(first, Accepted("wamid"))
    await house.settle(second, Retry("FAULT", "Busy."))
    await house.mark(1)
    other, _ = await accepted(house)

    found = await looked_at(house, batch_id)

    assert found.counts == {"Queued": 2, "Sending": 1, "Sent": 1}
    assert (found.state, found.open, found.share) == ("running", 3, 0.25)
    assert (found.batch.total, found.batch.reference) == (4, "spring")
    assert (await looked_at(house, other)).counts == {"Queued": 4}


async def test_a_batch_is_completed_when_all_of_it_was_sent_or_has_ended(db: Database) -> None:
    house = await House(db).open()
    batch_id, _ = await accepted(house)
    for marked in await house.mark():
        await house.settle(marked, Accepted("wamid"))

    assert (await looked_at(house, batch_id)).state == "completed"
    for verb in (pause, resume, cancel_batch):
        with pytest.raises(Conflict, match="completed"):
            await act(house, verb, batch_id)


async def test_another_accounts_batch_is_not_found(db: Database) -> None:
    house, other = await House(db).open(), House(db, account_id=2)
    batch_id, _ = await accepted(house)

    for account, id in [(other, batch_id), (house, "bat_1"), (house, f"msg{batch_id[3:]}")]:
        with pytest.raises(NotFound):
            await looked_at(account, id)
        for verb in (pause, resume, cancel_batch):
            with pytest.raises(NotFound):
                await act(account, verb, id)


async def test_nothing_of_a_paused_batch_leaves(
    db: Database, connection: asyncpg.Connection
) -> None:
    """Not what waits, not what is parked, not what a worker has claimed and not yet marked."""
    house = await House(db).open()
    batch_id, ids = await accepted(house)
    (other,) = await house.accept("27845001000")  # behind the batch's first
    lease = await house.lease()
    claimed = await house.claim(2, lease=lease)

    found = await act(house, pause, batch_id)

    assert (found.state, found.counts) == ("paused", {"Queued": 4})
    assert await house.mark_claimed(lease, claimed) == []
    assert await in_the_lane(connection) == [other]
    assert await house.statuses(ids) == ["Queued"] * 4
    (marked,) = await house.mark()
    assert marked.claimed.text.id == other


async def test_a_resumed_batch_is_queued_anew_in_its_order_behind_what_waits(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    batch_id, ids = await accepted(house)
    await act(house, pause, batch_id)
    between = await house.accept(*(f"2783{1_000_000 + n}" for n in range(4)))

    found = await act(house, resume, batch_id)

    assert (found.state, found.counts) == ("running", {"Queued": 4})
    assert await in_the_lane(connection) == [*between, *ids]
    assert len(await house.mark()) == 8


async def test_pausing_what_is_paused_and_resuming_what_runs_changes_nothing(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    batch_id, ids = await accepted(house)
    jobs = await jobs_of(connection)

    assert (await act(house, resume, batch_id)).state == "running"
    assert [job["id"] for job in await jobs_of(connection)] == [job["id"] for job in jobs]
    for _ in range(2):
        assert (await act(house, pause, batch_id)).state == "paused"
    for _ in range(2):
        assert (await act(house, resume, batch_id)).state == "running"

    assert await in_the_lane(connection) == ids


async def test_what_comes_back_from_a_device_while_its_batch_is_paused_waits_with_it(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    batch_id, ids = await accepted(house, 2)
    sent, back = await house.mark()
    await act(house, pause, batch_id)

    await house.settle(sent, Accepted("wamid"))
    await house.settle(back, Retry("FAULT", "Busy.", timedelta(0)))

    assert (await looked_at(house, batch_id)).counts == {"Sent": 1, "Queued": 1}
    assert await house.mark() == []
    await act(house, resume, batch_id)
    (again,) = await house.mark()
    assert again.claimed.text.id == back.claimed.text.id
    assert await house.statuses(ids) == ["Sent", "Sending"]


async def test_what_is_scheduled_in_a_paused_batch_is_not_queued_until_it_is_resumed(
    db: Database, connection: asyncpg.Connection
) -> None:
    clock = FrozenClock(datetime.now(UTC))
    house = await House(db, clock=clock).open()
    batch_id, ids = await accepted(house, send_at=clock.now() + HOUR)
    await act(house, pause, batch_id)
    clock.advance(HOUR)

    await db.transact(lambda tx: ring(tx, clock))
    assert await house.statuses(ids) == ["Scheduled"] * 4
    await act(house, resume, batch_id)
    await db.transact(lambda tx: ring(tx, clock))

    assert await house.statuses(ids) == ["Queued"] * 4
    assert await in_the_lane(connection) == ids


async def test_what_is_scheduled_and_resumed_before_it_is_due_is_queued_when_it_is(
    db: Database,
) -> None:
    clock = FrozenClock(datetime.now(UTC))
    house = await House(db, clock=clock).open()
    batch_id, ids = await accepted(house, send_at=clock.now() + HOUR)
    await act(house, pause, batch_id)
    await act(house, resume, batch_id)

    await db.transact(lambda tx: ring(tx, clock))
    assert await house.statuses(ids) == ["Scheduled"] * 4
    clock.advance(HOUR)
    await db.transact(lambda tx: ring(tx, clock))

    assert await house.statuses(ids) == ["Queued"] * 4


@pytest.mark.parametrize("send_in", [None, HOUR])
async def test_a_paused_batch_expires_in_time_and_is_refunded(
    db: Database, send_in: timedelta | None
) -> None:
    clock = FrozenClock(datetime.now(UTC))
    house = await House(db, clock=clock).open(credits=10)
    send_at = None if send_in is None else clock.now() + send_in
    batch_id, ids = await accepted(house, send_at=send_at, expires_in=timedelta(minutes=1))
    await act(house, pause, batch_id)

    clock.advance((send_in or timedelta(0)) + timedelta(minutes=1))
    await db.transact(lambda tx: ring(tx, clock))

    assert await house.statuses(ids) == ["Expired"] * 4
    assert (await looked_at(house, batch_id)).state == "completed"
    assert await house.balance() == 10


async def test_cancelling_a_batch_refunds_what_has_not_left(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    batch_id, ids = await accepted(house)
    sent, wired = await house.mark(2)
    await house.settle(sent, Accepted("wamid"))

    found = await act(house, cancel_batch, batch_id)

    assert found.counts == {"Sent": 1, "Sending": 1, "Cancelled": 2}
    assert (found.state, found.open) == ("cancelled", 1)
    assert await house.balance() == 8
    assert await in_the_lane(connection) == [wired.claimed.text.id]
    assert await told(connection, ids[3]) == ["message.queued", "message.cancelled"]
    await house.settle(wired, Accepted("wamid"))
    assert await act(house, cancel_batch, batch_id) == await looked_at(house, batch_id)
    assert (await looked_at(house, batch_id)).state == "cancelled"
    assert await house.balance() == 8


async def test_a_cancelled_batch_is_neither_paused_nor_resumed(db: Database) -> None:
    house = await House(db).open()
    batch_id, _ = await accepted(house)
    await act(house, cancel_batch, batch_id)

    for verb in (pause, resume):
        with pytest.raises(Conflict, match="cancelled"):
            await act(house, verb, batch_id)


@pytest.mark.parametrize("send_in", [None, HOUR])
async def test_a_paused_batch_can_be_cancelled(
    db: Database, connection: asyncpg.Connection, send_in: timedelta | None
) -> None:
    house = await House(db).open(credits=10)
    send_at = None if send_in is None else house.clock.now() + send_in
    batch_id, _ = await accepted(house, send_at=send_at)
    await act(house, pause, batch_id)

    assert (await act(house, cancel_batch, batch_id)).counts == {"Cancelled": 4}

    assert await house.balance() == 10
    assert await jobs_of(connection) == []
    assert await connection.fetchval("select count(*) from alarms") == 0


@pytest.mark.parametrize("verb", [pause, cancel_batch])
@pytest.mark.parametrize("left", [0, 1, 3])
async def test_what_leaves_the_queue_unsent_costs_its_account_nothing_of_its_turn(
    db: Database, connection: asyncpg.Connection, verb: Verb, left: int
) -> None:
    house = await House(db).open()
    await house.accept("27831000000")
    before = await finish_of(connection, house)
    batch_id, _ = await accepted(house)
    cost = (await finish_of(connection, house) - before) // 4
    await house.mark(1 + left)

    await act(house, verb, batch_id)

    assert cost > 0
    assert await finish_of(connection, house) == before + left * cost


async def test_a_batch_behind_which_others_were_queued_leaves_its_accounts_clock_alone(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    batch_id, _ = await accepted(house)
    await accepted(house)
    finish = await finish_of(connection, house)

    await act(house, cancel_batch, batch_id)

    assert await finish_of(connection, house) == finish


async def test_a_batch_that_was_resumed_in_part_and_is_cancelled_gives_back_that_part(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept("27831000000")
    before = await finish_of(connection, house)
    batch_id, _ = await accepted(house)
    cost = (await finish_of(connection, house) - before) // 4
    await house.mark(3)
    await act(house, pause, batch_id)
    await act(house, resume, batch_id)
    assert await finish_of(connection, house) == before + 4 * cost

    await act(house, cancel_batch, batch_id)

    assert await finish_of(connection, house) == before + 2 * cost


async def test_a_batch_is_paused_and_resumed_under_a_worker_and_each_message_is_sent_once(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute("""update devices set config = '{"rate": 60}'""")
    account = await opened(db, "sender", credits=1000)
    house = House(db, account_id=account.id)
    batch_id, ids = await accepted(house, 200)

    async def have_left(count: int) -> bool:
        return (await looked_at(house, batch_id)).counts.get(Status.QUEUED, 0) <= 200 - count

    async with worker(database_url):
        for sent in (10, 60):
            await until(partial(have_left, sent))
            await act(house, pause, batch_id)
            await until(lambda: nothing_is_claimed(connection))
            waiting = (await looked_at(house, batch_id)).open
            await sent_by_itself(house)
            assert 0 < (await looked_at(house, batch_id)).open == waiting
            await act(house, resume, batch_id)

        async def all_read() -> bool:
            return set(await house.statuses(ids)) == {"Read"}

        await until(all_read)

    for id in ids:
        assert (await told(connection, id)).count("message.sending") == 1
    assert await house.balance() == 798


async def test_decisions_at_once_under_a_worker_leave_each_message_sent_once_or_refunded(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute("""update devices set config = '{"rate": 60}'""")
    account = await opened(db, "undecided", credits=1000)
    house = House(db, account_id=account.id)
    batch_id, ids = await accepted(house, 200)

    async def decide(*verbs: Verb) -> None:
        for verb in verbs:
            with suppress(Conflict):
                await act(house, verb, batch_id)

    async def some_are_read() -> bool:
        return (await looked_at(house, batch_id)).counts.get(Status.READ, 0) > 0

    async with worker(database_url):
        waverings = [pause, resume] * 6
        await asyncio.gather(decide(*waverings), decide(*waverings), decide(*waverings))
        await decide(resume)
        await until(some_are_read)
        await asyncio.gather(decide(*waverings), decide(cancel_batch))

        async def all_ended() -> bool:
            return set(await house.statuses(ids)) <= {"Read", "Cancelled"}

        await until(all_ended)

    statuses = await house.statuses(ids)
    assert set(statuses) == {"Read", "Cancelled"}
    assert await house.balance() == 1000 - statuses.count("Read")
    assert await nothing_is_claimed(connection)
    for id in ids:
        assert (await told(connection, id)).count("message.sending") <= 1


async def sent_by_itself(house: House) -> None:
    """The worker goes on with what else there is."""
    (id,) = await house.accept(PLAIN, kind=Class.SINGLE)

    async def is_sent() -> bool:
        return await house.statuses([id]) == ["Read"]

    await until(is_sent)


async def nothing_is_claimed(connection: asyncpg.Connection) -> bool:
    none: bool = await connection.fetchval("select not exists (select from pgqueuer)")
    return none
