"""Flows share a lane by their weights, whoever came first and however much they brought."""

from collections import Counter
from itertools import count

import pytest

from tests.database.queue.yard import ALICE, BOB, CAROL, LANE, OTHER, Yard, about, entry
from waypost.kit.db import Tx
from waypost.queue import lanes, upkeep
from waypost.queue.model import Entry, Job, Kind

BATCH = 50
_NUMBERS = count(1)


def bulk(size: int, account: int, weight: int = 1, kind: Kind = Kind.BULK) -> list[Entry]:
    """Messages to as many recipients."""
    return [entry(next(_NUMBERS), None, account, kind, weight) for _ in range(size)]


async def shares(yard: Yard, most: int) -> Counter[int]:
    """How many of the next so many messages are whose."""
    taken: list[Job] = []
    while len(taken) < most and (jobs := await yard.claim(BATCH)):
        await yard.finish(*jobs)
        taken += jobs
    return Counter(job.about.account_id for job in taken)


async def test_two_bulks_of_equal_weight_go_side_by_side(yard: Yard) -> None:
    await yard.push(*bulk(1500, ALICE))
    await yard.push(*bulk(1500, BOB))

    for _ in range(4):
        progress = await shares(yard, 400)
        assert progress[ALICE] == pytest.approx(200, rel=0.05)


@pytest.mark.parametrize(("light", "heavy", "share"), [(1, 3, 300), (7, 21, 300), (30, 70, 280)])
async def test_a_bulk_gets_its_share_by_its_accounts_weight(
    yard: Yard, light: int, heavy: int, share: int
) -> None:
    await yard.push(*bulk(600, ALICE, light))
    await yard.push(*bulk(600, BOB, heavy))

    assert (await shares(yard, 400))[BOB] == pytest.approx(share, abs=5)


async def test_an_accounts_singles_go_ten_times_as_fast_as_its_bulk(yard: Yard) -> None:
    await yard.push(*bulk(500, ALICE))
    await yard.push(*bulk(500, BOB, kind=Kind.SINGLE))

    assert (await shares(yard, 450))[BOB] == pytest.approx(409, abs=5)


async def test_an_accounts_bulks_share_what_one_bulk_would_get(yard: Yard) -> None:
    for _ in range(5):
        await yard.push(*bulk(100, ALICE))
    await yard.push(*bulk(500, BOB))

    assert (await shares(yard, 400))[BOB] == pytest.approx(200, rel=0.05)


async def test_a_single_goes_before_a_bulk_of_100_000_with_the_next_claim(yard: Yard) -> None:
    for _ in range(20):
        await yard.push(*bulk(5000, ALICE))
    await shares(yard, 200)

    pushed = await yard.push(entry(1_000_000_000, account=BOB, kind=Kind.SINGLE))

    assert pushed.places == [1]
    assert await yard.take(1) == [1_000_000_000]


async def test_who_was_idle_has_no_credit(yard: Yard) -> None:
    await yard.push(*bulk(50, BOB), *bulk(1500, ALICE))
    await shares(yard, 800)

    await yard.push(*bulk(700, BOB))

    assert (await shares(yard, 600))[BOB] == pytest.approx(300, rel=0.05)


async def test_who_used_the_lane_alone_has_no_debt(yard: Yard) -> None:
    await yard.push(*bulk(1000, ALICE))
    assert await shares(yard, 1000) == {ALICE: 1000}

    await yard.push(*bulk(400, BOB))
    await yard.push(*bulk(400, ALICE))

    assert (await shares(yard, 400))[ALICE] == pytest.approx(200, rel=0.05)


async def test_a_third_that_comes_later_gets_its_third_at_once(yard: Yard) -> None:
    await yard.push(*bulk(600, ALICE), *bulk(600, BOB))
    await shares(yard, 300)

    await yard.push(*bulk(600, CAROL))

    assert (await shares(yard, 300))[CAROL] == pytest.approx(100, rel=0.05)


async def test_lanes_know_nothing_of_each_other(yard: Yard) -> None:
    await yard.push(*bulk(300, ALICE))
    await yard.push(*(entry(next(_NUMBERS), None, ALICE, lane=OTHER) for _ in range(300)))
    await yard.push(*(entry(next(_NUMBERS), None, BOB, lane=OTHER) for _ in range(300)))

    mixed = Counter(job.about.account_id for job in await yard.claim(200, OTHER))

    assert mixed[ALICE] == pytest.approx(100, rel=0.05)


async def test_what_was_withdrawn_costs_nothing_when_the_clock_is_wound_back(yard: Yard) -> None:
    await yard.push(*bulk(600, BOB))
    entries = bulk(500, ALICE)
    pushed = await yard.push(*entries)
    await yard.withdraw(*(each.about for each in entries))

    before, after = pushed.clocks[ALICE, Kind.BULK]
    await yard.db.transact(lambda tx: wind_back(tx, before, after))
    again = await yard.push(*bulk(500, ALICE))

    assert again.clocks == pushed.clocks
    assert (await shares(yard, 400))[ALICE] == pytest.approx(200, rel=0.05)


async def test_a_clock_is_not_wound_back_behind_what_was_queued_since(yard: Yard) -> None:
    first = await yard.push(*bulk(10, ALICE))
    second = await yard.push(*bulk(10, ALICE))

    before, after = first.clocks[ALICE, Kind.BULK]
    await yard.db.transact(lambda tx: wind_back(tx, before, after))
    third = await yard.push(*bulk(10, ALICE))

    assert third.clocks[ALICE, Kind.BULK][0] == second.clocks[ALICE, Kind.BULK][1]


async def wind_back(tx: Tx, before: int, after: int) -> None:
    await lanes.wind_back(tx, ALICE, Kind.BULK, LANE, before, after)


async def test_a_flow_with_nothing_in_the_queue_is_forgotten_and_owes_nothing(yard: Yard) -> None:
    await yard.push(*bulk(600, BOB))
    entries = bulk(500, ALICE)
    await yard.push(*entries)
    await yard.withdraw(*(each.about for each in entries))

    await yard.db.transact(upkeep.forget_idle)
    await yard.push(*bulk(500, ALICE))

    assert (await shares(yard, 400))[ALICE] == pytest.approx(200, rel=0.05)


async def test_a_flow_that_has_something_in_the_queue_is_remembered(yard: Yard) -> None:
    await yard.push(*bulk(2, ALICE), *bulk(2, BOB), *bulk(2, CAROL))
    await yard.withdraw(*[job.about for job in await yard.claim() if job.about.account_id == BOB])

    async with yard.held(lambda tx: lanes.push(tx, [Entry(LANE, about(99, 99, BOB))])):
        await yard.db.transact(upkeep.forget_idle)

    remembered = await yard.connection.fetch("select account_id from flow_clocks order by 1")
    assert [row["account_id"] for row in remembered] == [ALICE, BOB, CAROL]
