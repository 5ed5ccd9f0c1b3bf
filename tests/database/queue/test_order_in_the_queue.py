"""A chain's messages leave one after the other, in the order they came, whoever races with whom."""

import asyncpg
import pytest

from tests.database.queue.yard import (
    ALICE,
    BOB,
    LANE,
    OTHER,
    RIVAL,
    Undo,
    Yard,
    about,
    entry,
    numbers,
)
from waypost.kit.db import Tx
from waypost.queue import lanes, store, upkeep
from waypost.queue.model import Kind


async def test_one_message_of_a_chain_stands_in_its_lane_and_the_others_wait_behind(
    yard: Yard,
) -> None:
    await yard.push(entry(1, to=7), entry(2, to=8), entry(3, to=7))
    await yard.push(entry(4, to=7))

    assert await yard.in_lane() == [1, 2]
    assert await yard.parked() == [3, 4]


async def test_each_that_ends_lets_the_next_of_its_chain_in(yard: Yard) -> None:
    await yard.push(*(entry(n, to=7) for n in range(1, 5)))

    assert [await yard.take(9) for _ in range(5)] == [[1], [2], [3], [4], []]


@pytest.mark.parametrize("other", [entry(2, to=7, account=BOB), entry(2, to=7, kind=Kind.SINGLE)])
async def test_another_account_or_class_is_another_chain(yard: Yard, other: object) -> None:
    await yard.push(entry(1, to=7), other)

    assert sorted(await yard.in_lane()) == [1, 2]


async def test_a_chain_keeps_its_order_when_its_account_moves_to_another_pool(yard: Yard) -> None:
    await yard.push(entry(1, to=7))
    await yard.push(entry(2, to=7, lane=OTHER))

    assert await yard.take(9, OTHER) == []
    assert await yard.take(9) == [1]
    assert await yard.take(9, OTHER) == [2]


async def test_what_waits_for_its_next_try_or_is_given_back_keeps_its_chain(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7))

    await yard.retry(*await yard.claim())
    (job,) = await yard.claim()
    assert numbers([job]) == [1]
    await yard.db.transact(lambda tx: upkeep.reclaim(tx, LANE))

    assert await yard.take(9) == [1]
    assert await yard.take(9) == [2]


async def test_a_job_that_somebody_else_has_ended_is_ended_once(yard: Yard) -> None:
    await yard.push(*(entry(n, to=7) for n in range(1, 5)))
    (late,) = await yard.claim()
    await yard.finish(late)

    await yard.finish(late)

    assert await yard.in_lane() == [2]
    assert await yard.parked() == [3, 4]


async def test_what_is_queued_while_the_last_of_its_chain_ends_waits_and_is_the_first(
    yard: Yard,
) -> None:
    await yard.push(entry(1, to=7))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.finish(tx, jobs)):
        pushing = await yard.blocked(lambda tx: lanes.push(tx, [entry(2, to=7)]))

    assert (await pushing).places == [1]
    assert await yard.in_lane() == [2]
    assert await yard.parked() == []


async def test_what_is_queued_while_the_end_is_taken_back_waits_behind(yard: Yard) -> None:
    await yard.push(entry(1, to=7))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.finish(tx, jobs)):
        pushing = await yard.blocked(lambda tx: lanes.push(tx, [entry(2, to=7)]))
        raise Undo
    await pushing

    assert await yard.in_lane() == [1]
    assert await yard.parked() == [2]


async def test_who_ends_a_job_waits_for_what_is_being_queued_behind_it_and_lets_it_in(
    yard: Yard,
) -> None:
    await yard.push(entry(1, to=7))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.push(tx, [entry(2, to=7)])):
        finishing = await yard.blocked(lambda tx: lanes.finish(tx, jobs))
    await finishing

    assert await yard.in_lane() == [2]
    assert await yard.parked() == []


async def test_who_ends_a_job_frees_the_chain_when_nothing_came_of_what_was_queued(
    yard: Yard,
) -> None:
    await yard.push(entry(1, to=7))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.push(tx, [entry(2, to=7)])):
        finishing = await yard.blocked(lambda tx: lanes.finish(tx, jobs))
        raise Undo
    await finishing

    assert await yard.in_lane() == await yard.parked() == []


async def test_what_is_queued_while_the_next_is_let_in_waits_behind_that(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.finish(tx, jobs)):
        pushing = await yard.blocked(lambda tx: lanes.push(tx, [entry(3, to=7)]))
    await pushing

    assert await yard.in_lane() == [2]
    assert await yard.parked() == [3]


async def test_what_is_withdrawn_lets_the_next_in_wherever_it_stood(yard: Yard) -> None:
    await yard.push(*(entry(n, to=7) for n in range(1, 6)), entry(6, to=8))
    await yard.claim(1)

    await yard.withdraw(about(1, 7), about(3, 7))
    assert await yard.in_lane() == [2, 6]

    await yard.withdraw(about(2, 7), about(6, 8), about(9, 9))
    assert await yard.in_lane() == [4]
    assert await yard.parked() == [5]


async def test_what_is_withdrawn_while_it_is_let_in_is_gone(yard: Yard) -> None:
    await yard.push(*(entry(n, to=7) for n in range(1, 4)))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.finish(tx, jobs)):
        withdrawing = await yard.blocked(lambda tx: lanes.withdraw(tx, [about(2, 7)]))
    await withdrawing

    assert await yard.in_lane() == [3]
    assert await yard.parked() == []


async def test_who_ends_a_job_lets_in_what_was_not_withdrawn_meanwhile(yard: Yard) -> None:
    await yard.push(*(entry(n, to=7) for n in range(1, 4)))
    jobs = await yard.claim()

    async with yard.held(lambda tx: lanes.withdraw(tx, [about(2, 7)])):
        finishing = await yard.blocked(lambda tx: lanes.finish(tx, jobs))
    await finishing

    assert await yard.in_lane() == [3]
    assert await yard.parked() == []


async def test_what_is_queued_while_the_chain_is_withdrawn_is_the_first(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7))

    async with yard.held(lambda tx: lanes.withdraw(tx, [about(1, 7), about(2, 7)])):
        pushing = await yard.blocked(lambda tx: lanes.push(tx, [entry(3, to=7)]))
    await pushing

    assert await yard.in_lane() == [3]
    assert await yard.parked() == []


async def test_a_claim_passes_by_a_chain_in_which_something_is_being_queued(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=8))

    async with yard.held(lambda tx: lanes.push(tx, [entry(3, to=7)])):
        assert numbers(await yard.claim()) == [2]

    assert numbers(await yard.claim(owner=RIVAL)) == [1]


async def strand(connection: asyncpg.Connection) -> None:
    """Lose a job behind the product's back: what is parked behind it stands behind nothing."""
    await connection.execute("delete from pgqueuer")


async def test_what_is_parked_behind_nothing_is_let_in_by_upkeep(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7), entry(3, to=7), entry(4, to=8))
    await strand(yard.connection)

    assert await yard.db.transact(upkeep.heal) == 1
    assert await yard.in_lane() == [2]
    assert await yard.parked() == [3]
    assert await yard.db.transact(upkeep.heal) == 0


async def test_what_is_parked_behind_nothing_is_let_in_before_what_is_queued_now(
    yard: Yard,
) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7))
    await strand(yard.connection)

    await yard.push(entry(3, to=7))

    assert await yard.in_lane() == [2]
    assert await yard.parked() == [3]


async def test_what_is_queued_while_upkeep_lets_another_in_waits_behind_that(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7))
    await strand(yard.connection)

    async with yard.held(upkeep.heal):
        pushing = await yard.blocked(lambda tx: lanes.push(tx, [entry(3, to=7)]))
    await pushing

    assert await yard.in_lane() == [2]
    assert await yard.parked() == [3]


async def test_two_that_let_the_same_chain_in_let_one_message_in(yard: Yard) -> None:
    await yard.push(*(entry(n, to=7) for n in range(1, 4)))
    await strand(yard.connection)

    async def promote(tx: Tx) -> None:
        await store.promote(tx, [about(1, 7, ALICE).key])

    async with yard.held(promote):
        second = await yard.blocked(promote)
    await second

    assert await yard.in_lane() == [2]
    assert await yard.parked() == [3]


async def test_the_database_itself_refuses_a_second_job_of_a_chain(yard: Yard) -> None:
    await yard.push(entry(1, to=7))

    with pytest.raises(asyncpg.UniqueViolationError):
        await yard.connection.execute(
            "insert into pgqueuer (priority, entrypoint, dedupe_key, payload, status)"
            " select 0, entrypoint, dedupe_key, payload, 'queued' from pgqueuer"
        )
