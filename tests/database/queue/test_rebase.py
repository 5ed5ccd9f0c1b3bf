"""Priorities are raised when a lane's time has gone far: the order stays, and none overflows."""

from datetime import timedelta

import asyncpg
import pytest

from tests.database.queue.yard import ALICE, BOB, CAROL, LANE, OTHER, WORKER, Yard, entry, numbers
from waypost.queue import lanes, upkeep
from waypost.queue.fairness import HIGHEST, LOWEST, MUCH, ROOM, SOME, STEP
from waypost.queue.model import Kind

PRIORITY = "select priority from pgqueuer where payload = $1"
BASE = "select base from lane_clocks where lane = $1"
ALL_DUE = "update pgqueuer set execute_after = now() - interval '1 second'"


async def go_on(connection: asyncpg.Connection, steps: int) -> None:
    """Let the lane's time have come so far."""
    await connection.execute(
        "insert into lane_clocks values ($1, $2, $3)", LANE, steps * STEP, ROOM
    )


async def test_a_lanes_order_is_the_same_when_its_priorities_have_been_raised(yard: Yard) -> None:
    await go_on(yard.connection, MUCH - 50)
    await yard.push(*(entry(n) for n in range(1, 6)), entry(6, to=5))
    await yard.push(*(entry(n, account=BOB, kind=Kind.SINGLE) for n in (11, 12, 13)))
    await yard.push(elsewhere := entry(21, lane=OTHER))
    await yard.retry(*await yard.claim(1), delay=timedelta(hours=1))
    assert await yard.db.transact(upkeep.rebase) == []
    assert numbers(await yard.claim(4)) == [11, 12, 13, 2]
    before = await yard.in_lane()

    assert await yard.db.transact(upkeep.rebase) == [LANE]

    assert await yard.db.transact(upkeep.rebase) == []
    assert await yard.connection.fetchval(BASE, LANE) == ROOM + MUCH + 50
    assert await yard.connection.fetchval(PRIORITY, elsewhere.about.pack()) == ROOM
    assert sorted(await yard.in_lane(), key=before.index) == before
    assert (await yard.push(entry(31, account=CAROL, kind=Kind.SINGLE))).places == [1]
    await yard.db.transact(lambda tx: lanes.release(tx, WORKER))
    await yard.connection.execute(ALL_DUE)
    assert await yard.take(9) == [1, 11, 12, 13, 2, 31, 3, 4, 5]
    assert await yard.take(9) == [6]


async def test_a_lane_that_is_empty_is_raised_long_before_it_must_be(yard: Yard) -> None:
    await go_on(yard.connection, SOME + 1)
    await yard.push(entry(1))

    assert await yard.db.transact(upkeep.rebase) == []
    await yard.take(1)
    assert await yard.db.transact(upkeep.rebase) == [LANE]


async def test_what_is_being_queued_by_the_old_base_is_waited_for(yard: Yard) -> None:
    await go_on(yard.connection, MUCH + 1)

    async with yard.held(lambda tx: lanes.push(tx, [entry(1)])):
        raising = await yard.blocked(upkeep.rebase)

    assert await raising == [LANE]
    assert await yard.connection.fetchval(PRIORITY, entry(1).about.pack()) == ROOM


async def test_what_is_queued_while_priorities_are_raised_goes_by_the_new_base(
    yard: Yard,
) -> None:
    await go_on(yard.connection, MUCH + 1)
    await yard.push(entry(1))

    async with yard.held(upkeep.rebase):
        pushing = await yard.blocked(lambda tx: lanes.push(tx, [entry(2, account=BOB)]))
    await pushing

    for n, account in ((1, ALICE), (2, BOB)):
        message = entry(n, account=account).about
        assert await yard.connection.fetchval(PRIORITY, message.pack()) == ROOM


async def test_a_busy_queue_is_not_held_up_for_long(yard: Yard) -> None:
    await go_on(yard.connection, MUCH + 1)

    with pytest.raises(asyncpg.LockNotAvailableError):
        async with yard.held(lambda tx: lanes.push(tx, [entry(1)])):
            await yard.db.transact(upkeep.rebase)


@pytest.mark.parametrize("steps", [ROOM - LOWEST - 100, 2**40, 2**52])
async def test_a_lane_that_nobody_raised_goes_on_in_the_order_of_its_jobs(
    yard: Yard, steps: int
) -> None:
    await go_on(yard.connection, steps)
    await yard.push(*(entry(n) for n in range(1, 6)))
    await yard.push(entry(11, account=BOB, kind=Kind.SINGLE))

    taken = await yard.take(3)
    await yard.db.transact(upkeep.rebase)

    assert taken + await yard.take(9) in ([1, 2, 3, 4, 5, 11], [1, 11, 2, 3, 4, 5])


async def test_what_has_waited_since_before_many_raises_still_goes_first(yard: Yard) -> None:
    await yard.push(entry(1), entry(2, to=1), entry(3))
    await yard.retry(*await yard.claim(1), delay=timedelta(hours=1))
    for _ in range(5):
        await yard.connection.execute("update lane_clocks set now = now + $1", ROOM * STEP)
        assert await yard.db.transact(upkeep.rebase) == [LANE]

    await yard.push(entry(4, account=BOB))
    await yard.connection.execute(ALL_DUE)

    assert await yard.connection.fetchval(PRIORITY, entry(1).about.pack()) == HIGHEST
    assert await yard.take(9) == [1, 3, 4]
    assert await yard.take(9) == [2]
