"""A message can be taken back until it leaves, once, with its credit; never after."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import PLAIN, House, facts_are_whole, jobs_of, told, until
from waypost.drivers.port import Accepted, Refused
from waypost.kit.db import Database, Tx
from waypost.kit.errors import Conflict, NotFound
from waypost.messages.cancel import cancel
from waypost.messages.mark import mark
from waypost.messages.model import Class, Message, show_id
from waypost.messages.outcomes import Place
from waypost.queue.model import Reference

OTHER = "27829999999"
SENT = "The message was sent: it can no longer be cancelled."
ON_THE_WIRE = "The message is on the wire: it can no longer be cancelled."


async def cancelled(house: House, id: UUID) -> Message:
    return await house.db.transact(
        lambda tx: cancel(tx, house.account_id, show_id(id), house.clock)
    )


async def in_the_lane(connection: asyncpg.Connection) -> list[UUID]:
    rows = await connection.fetch("select payload from pgqueuer order by id")
    return [Reference.unpack(row["payload"]).message_id for row in rows]


async def parked(connection: asyncpg.Connection) -> list[UUID]:
    rows = await connection.fetch("select message_id from parked_jobs order by id")
    return [row["message_id"] for row in rows]


async def test_what_waits_in_the_queue_is_taken_back_with_its_credit(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)

    message = await cancelled(house, id)

    assert (message.id, message.status, message.error_code) == (id, "Cancelled", None)
    assert await house.balance() == 10
    assert await jobs_of(connection) == []
    assert await told(connection, id) == ["message.queued", "message.cancelled"]
    await facts_are_whole(connection, id)


async def test_what_is_scheduled_is_taken_back_and_never_looked_at_again(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN, send_at=datetime.now(UTC) + timedelta(hours=1))

    assert (await cancelled(house, id)).status == "Cancelled"

    assert await connection.fetchval("select count(*) from alarms") == 0
    assert await house.balance() == 10


async def test_the_next_message_of_its_chain_takes_its_place(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    first, second, third = await house.accept(PLAIN, PLAIN, PLAIN, kind=Class.SINGLE)

    await cancelled(house, second)
    assert (await in_the_lane(connection), await parked(connection)) == ([first], [third])
    await cancelled(house, first)

    assert (await in_the_lane(connection), await parked(connection)) == ([third], [])


async def test_what_a_worker_has_claimed_is_taken_back_and_not_sent(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    lease = await house.lease()
    claimed = await house.claim(lease=lease)

    assert (await cancelled(house, id)).status == "Cancelled"

    assert await house.mark_claimed(lease, claimed) == []
    assert await house.statuses([id]) == ["Cancelled"]
    assert await jobs_of(connection) == []
    assert await house.balance() == 10


async def test_what_is_on_the_wire_is_not_taken_back(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    await house.mark()
    jobs = await jobs_of(connection)

    with pytest.raises(Conflict, match=ON_THE_WIRE):
        await cancelled(house, id)

    assert await house.statuses([id]) == ["Sending"]
    assert [job["id"] for job in await jobs_of(connection)] == [job["id"] for job in jobs]
    assert await house.balance() == 9


async def test_what_was_sent_or_has_ended_is_not_taken_back(db: Database) -> None:
    house = await House(db).open(credits=10)
    sent, failed, waiting = await house.accept(PLAIN, OTHER, "27827777777")
    marked = {each.claimed.text.id: each for each in await house.mark()}
    await house.settle(marked[sent], Accepted("wamid"))
    await house.settle(marked[failed], Refused("NOT_ON_WHATSAPP", "Not there."))
    (late,) = await house.accept(OTHER)
    await cancelled(house, late)

    for id, why in [
        (sent, SENT),
        (failed, "The message has failed: there is nothing to cancel."),
        (waiting, ON_THE_WIRE),
        (late, "The message was cancelled before."),
    ]:
        with pytest.raises(Conflict, match=why):
            await cancelled(house, id)
    assert await house.balance() == 8


async def test_another_accounts_message_is_not_found(db: Database) -> None:
    house, other = await House(db).open(), House(db, account_id=2)
    (id,) = await house.accept(PLAIN)

    for account, queue_id in [(other, show_id(id)), (house, "msg_1"), (house, "")]:
        with pytest.raises(NotFound):
            async with db.tx() as tx:
                await cancel(tx, account.account_id, queue_id, house.clock)
    assert await house.statuses([id]) == ["Queued"]


async def somebody_waits(connection: asyncpg.Connection) -> None:
    """Until another connection waits for a lock."""
    waiting = "select exists (select from pg_stat_activity where wait_event_type = 'Lock')"
    await until(lambda: connection.fetchval(waiting))


async def test_a_mark_that_was_first_is_sent_and_a_cancel_that_waited_for_it_is_refused(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    lease = await house.lease()
    (claimed,) = await house.claim(lease=lease)

    async with db.tx() as tx:
        marked = await mark(tx, lease, [Place(claimed, 1, may_repeat=True)], house.clock.now())
        cancelling = asyncio.create_task(cancelled(house, id))
        await somebody_waits(connection)

    with pytest.raises(Conflict, match=ON_THE_WIRE):
        await cancelling
    assert len(marked) == 1
    assert (await house.statuses([id]), await house.balance()) == (["Sending"], 9)


async def test_a_cancel_that_was_first_stands_and_a_mark_that_waited_for_it_sends_nothing(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    lease = await house.lease()
    claimed = await house.claim(lease=lease)

    async with db.tx() as tx:
        await cancel(tx, house.account_id, show_id(id), house.clock)
        marking = asyncio.create_task(house.mark_claimed(lease, claimed))
        await somebody_waits(connection)

    assert await marking == []
    assert (await house.statuses([id]), await house.balance()) == (["Cancelled"], 10)
    assert await jobs_of(connection) == []


async def test_of_many_who_cancel_at_once_one_is_refunded(db: Database) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)

    came = await asyncio.gather(*(cancelled(house, id) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(each, Message) for each in came) == 1
    assert sum(isinstance(each, Conflict) for each in came) == 7
    assert await house.balance() == 10


async def test_marks_and_cancels_at_once_leave_each_message_with_one_of_them(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=100)
    ids = await house.accept(*(f"2782{1_000_000 + n}" for n in range(40)))
    lease = await house.lease()
    claimed = await house.claim(lease=lease)

    async def mark_one_by_one() -> None:
        for each in claimed:
            await house.mark_claimed(lease, [each])

    async def cancel_all() -> None:
        for id in reversed(ids):
            await asyncio.gather(cancelled(house, id), return_exceptions=True)

    await asyncio.gather(mark_one_by_one(), cancel_all())

    statuses = await house.statuses(ids)
    assert set(statuses) == {"Sending", "Cancelled"}
    assert await house.balance() == 60 + statuses.count("Cancelled")
    assert len(await jobs_of(connection)) == statuses.count("Sending")


async def test_a_cancel_that_is_rolled_back_leaves_all_as_it_was(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)

    async def broken(tx: Tx) -> None:
        await cancel(tx, house.account_id, show_id(id), house.clock)
        raise OSError("the connection broke")

    with pytest.raises(Exception, match="away"):
        await db.transact(broken)

    assert (await house.statuses([id]), await house.balance()) == (["Queued"], 9)
    assert await in_the_lane(connection) == [id]
