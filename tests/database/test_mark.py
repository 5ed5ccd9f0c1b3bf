"""The mark is the fence: who marked a message sends it, and nobody else."""

import asyncio
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import DOWN, OWNER, PLAIN, House, jobs_of, told
from waypost.drivers.port import Accepted
from waypost.kit.db import Database
from waypost.messages.outcomes import Claimed
from waypost.queue import upkeep
from waypost.queue.model import lane_of

OTHER = UUID(int=2)
NUMBERS = [f"2782{1_000_000 + n}" for n in range(40)]


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
    assert (marked.outgoing().to, marked.outgoing().text) == (PLAIN, "Bonjour")
    assert marked.outgoing().ref.message_id == id
    assert await told(connection, id) == ["message.queued", "message.sending"]


async def test_of_two_who_mark_the_same_message_at_once_one_wins_each_mark(db: Database) -> None:
    house = await House(db).open()
    ids = await house.accept(*NUMBERS)
    lease = await house.lease()
    mine = await house.claim(lease=lease)

    async def marks(claimed: list[Claimed]) -> set[UUID]:
        won = await house.mark_claimed(lease, claimed, may_repeat=False)
        return {marked.claimed.text.id for marked in won}

    # The second holds the same claims in the other order.
    first, second = await asyncio.gather(marks(mine), marks(mine[::-1]))

    assert first | second == set(ids)
    assert not first & second


async def test_a_worker_that_lost_its_lease_marks_nothing_more(db: Database) -> None:
    house = await House(db).open()
    ids = await house.accept(*NUMBERS[:3])
    lost = await house.lease(OWNER)
    claimed = await house.claim(lease=lost)
    await house.lease(OTHER)

    assert await house.mark_claimed(lost, claimed) == []

    assert {(state.status, state.mark) for state in await house.states(ids)} == {("Queued", 0)}


async def test_a_mark_keeps_when_it_was_and_whether_its_transport_drops_repeats(
    db: Database,
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)

    (marked,) = await house.mark(may_repeat=False)

    (state,) = await house.states([id])
    assert (state.marked_at, state.may_repeat) == (marked.at, False)
    assert not marked.is_repeat


async def test_a_message_found_sending_goes_again_under_the_same_id_where_repeats_are_dropped(
    db: Database,
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (before,) = await house.mark()
    await house.abandon()

    (again,) = await house.mark(owner=OTHER)

    assert again.provider_id == before.provider_id
    assert (again.mark, again.attempt, again.is_repeat) == (2, 2, True)
    assert await house.statuses([id]) == ["Sending"]


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (False, False)])
async def test_a_message_found_sending_is_left_alone_where_repeats_may_arrive_twice(
    db: Database, connection: asyncpg.Connection, first: bool, second: bool
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    await house.mark(may_repeat=first)
    await house.abandon()

    assert await house.mark(owner=OTHER, may_repeat=second) == []

    (state,) = await house.states([id])
    assert (state.status, state.mark) == ("Sending", 1)
    assert len(await jobs_of(connection)) == 1


async def test_a_message_that_was_held_since_it_was_claimed_is_not_sent_and_has_no_job(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(*NUMBERS[:2])
    lease = await house.lease()
    claimed = await house.claim(lease=lease)
    await connection.execute("update messages set is_held = true where id = $1", ids[0])

    marked = await house.mark_claimed(lease, claimed)

    assert [each.claimed.text.id for each in marked] == ids[1:]
    assert await house.statuses(ids) == ["Queued", "Sending"]
    assert [job["id"] for job in await jobs_of(connection)] == [claimed[1].job.id]


async def test_what_is_held_is_not_even_claimed(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN)
    await connection.execute("update messages set is_held = true")

    assert await house.claim() == []

    assert await jobs_of(connection) == []


async def test_the_job_of_a_message_that_is_past_sending_is_just_finished(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    lease = await house.lease()
    claimed = await house.claim(lease=lease)
    await connection.execute("update messages set status = 'Delivered'")

    assert await house.mark_claimed(lease, claimed) == []

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
    ids = await house.accept(*NUMBERS[:5])

    async with db.read() as tx:
        head = await upkeep.head(tx, lane_of(1), 3)

    assert [job.about.message_id for job in head] == ids[:3]
    assert {job["status"] for job in await jobs_of(connection)} == {"queued"}
