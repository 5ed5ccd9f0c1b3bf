"""The mark is the fence: who marked a message sends it, and nobody else."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg

from tests.support.messages import DOWN, OWNER, PLAIN, House, jobs_of, told
from waypost.drivers.port import Accepted
from waypost.kit.db import Database, Tx
from waypost.messages.mark import load, mark
from waypost.messages.outcomes import Claimed, Place
from waypost.queue import lanes, upkeep
from waypost.queue.model import lane_of

OTHER = UUID(int=2)


async def claimed_by(house: House, owner: UUID) -> list[Claimed]:
    async def claim(tx: Tx) -> list[Claimed]:
        jobs = await lanes.claim(tx, owner, lane_of(1), 100, timedelta(0))
        return await load(tx, jobs)

    return await house.db.transact(claim)


async def test_a_mark_makes_a_message_sending_with_its_attempt_and_the_transports_id(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN, text="Bonjour")

    (marked,) = await house.mark()

    (state,) = await house.states([id])
    assert (state.status, state.attempts, state.mark) == ("Sending", 1, 1)
    assert state.provider_id == marked.provider_id
    assert marked.provider_id.startswith("3EB0")
    assert (marked.outgoing.to, marked.outgoing.text) == (PLAIN, "Bonjour")
    assert marked.outgoing.ref.message_id == id
    assert await told(connection, id) == ["message.queued", "message.sending"]


async def test_of_two_who_mark_the_same_message_at_once_one_wins_each_mark(db: Database) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 40)
    mine = await claimed_by(house, OWNER)
    now = house.clock.now()

    async def marks(claimed: list[Claimed]) -> set[UUID]:
        places = [Place(each, 1, may_repeat=False) for each in claimed]
        won = await db.transact(lambda tx: mark(tx, places, now))
        return {marked.claimed.text.id for marked in won}

    # The second is a worker that was frozen, and holds the same claims in the other order.
    first, second = await asyncio.gather(marks(mine), marks(mine[::-1]))

    assert first | second == set(ids)
    assert not first & second


async def test_a_message_found_sending_goes_again_under_the_same_id_where_repeats_are_dropped(
    db: Database,
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (before,) = await house.mark()
    await house.abandon()

    (again,) = await house.mark(owner=OTHER)

    assert again.provider_id == before.provider_id
    assert (again.mark, again.attempt) == (2, 2)
    assert await house.statuses([id]) == ["Sending"]


async def test_a_message_found_sending_is_left_alone_where_repeats_would_arrive_twice(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    await house.mark()
    await house.abandon()

    assert await house.mark(owner=OTHER, may_repeat=False) == []

    (state,) = await house.states([id])
    assert (state.status, state.mark) == ("Sending", 1)
    assert len(await jobs_of(connection)) == 1


async def test_the_job_of_a_message_that_is_past_sending_is_just_finished(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.receive(marked, "delivered")
    await house.abandon()

    assert await house.mark(owner=OTHER) == []

    assert await house.statuses([id]) == ["Delivered"]
    assert await jobs_of(connection) == []


async def test_a_job_without_a_message_is_finished(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN)
    await connection.execute("delete from messages")

    assert await house.mark() == []

    assert await jobs_of(connection) == []


async def test_a_mark_after_a_settle_counts_on(db: Database) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (first,) = await house.mark()
    await house.settle(first, DOWN)

    (second,) = await house.mark()
    await house.settle(second, Accepted(second.provider_id))

    (state,) = await house.states([id])
    assert (state.status, state.attempts, state.mark) == ("Sent", 1, 2)


async def test_the_head_of_a_lane_is_shown_without_claiming_it(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*[PLAIN] * 5)

    async with db.read() as tx:
        head = await upkeep.head(tx, lane_of(1), 3)

    assert [job.about.message_id for job in head] == ids[:3]
    assert {job["status"] for job in await jobs_of(connection)} == {"queued"}
