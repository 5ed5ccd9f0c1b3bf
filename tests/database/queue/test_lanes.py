"""Jobs are claimed, given back, handed out again and looked for."""

from datetime import timedelta

import pytest

from tests.database.queue.yard import (
    ALICE,
    BOB,
    LANE,
    OTHER,
    RIVAL,
    WORKER,
    Yard,
    about,
    entry,
    numbers,
)
from waypost.queue import depths, lanes, upkeep
from waypost.queue.depths import Depth
from waypost.queue.model import Entry, Kind

SILENT = "update pgqueuer set heartbeat = heartbeat - interval '1 hour'"


async def test_nothing_to_queue_queues_nothing(yard: Yard) -> None:
    pushed = await yard.push()

    assert (pushed.places, pushed.clocks) == ([], {})


async def test_what_is_queued_is_claimed_once_with_all_that_names_it(yard: Yard) -> None:
    await yard.push(entry(1, to=7, account=BOB, kind=Kind.SINGLE))

    (job,) = await yard.claim()

    assert job.lane == LANE
    assert job.about == about(1, 7, BOB, Kind.SINGLE)
    assert job.about.kind is Kind.SINGLE
    assert await yard.claim(owner=RIVAL) == []


async def test_a_push_of_many_accounts_and_lanes_puts_each_where_it_belongs(yard: Yard) -> None:
    entries = [
        entry(100 * account + n, account=account, lane=lane)
        for account in range(1, 60)
        for n, lane in enumerate((LANE, OTHER, OTHER))
    ]

    pushed = await yard.push(*entries)

    assert sorted(await yard.take(300)) == [100 * account for account in range(1, 60)]
    assert len(await yard.take(300, OTHER)) == 2 * 59
    assert sorted(pushed.places[::3]) == list(range(1, 60))


async def test_a_job_is_handed_out_again_after_its_delay_and_not_before(yard: Yard) -> None:
    await yard.push(entry(1), entry(2))
    first, second = await yard.claim()

    await yard.retry(first, delay=timedelta(hours=1))
    await yard.retry(second)

    assert await yard.take(9) == [2]
    await yard.connection.execute("update pgqueuer set execute_after = now()")
    assert await yard.take(9) == [1]


async def test_what_a_worker_no_longer_holds_it_neither_delays_nor_gives_back(yard: Yard) -> None:
    await yard.push(entry(1), entry(2))
    jobs = await yard.claim()
    await yard.db.transact(lambda tx: upkeep.reclaim(tx, LANE))
    assert numbers(await yard.claim(owner=RIVAL)) == [1, 2]

    await yard.retry(*jobs, delay=timedelta(hours=1))
    await yard.db.transact(lambda tx: lanes.release(tx, WORKER))
    await yard.db.transact(lambda tx: lanes.release_jobs(tx, WORKER, jobs))

    assert await yard.claim() == []


async def test_a_worker_gives_back_some_of_what_it_holds_or_all(yard: Yard) -> None:
    await yard.push(*(entry(n) for n in range(1, 5)))
    jobs = await yard.claim(3)

    await yard.db.transact(lambda tx: lanes.release_jobs(tx, WORKER, jobs[1:2]))
    assert numbers(await yard.claim(1, owner=RIVAL)) == [2]

    await yard.db.transact(lambda tx: lanes.release(tx, WORKER))
    assert numbers(await yard.claim()) == [1, 3, 4]


async def test_a_lane_is_reclaimed_from_all_who_hold_some_of_it_and_no_other_is(
    yard: Yard,
) -> None:
    await yard.push(entry(1), entry(2), entry(3, lane=OTHER))
    await yard.claim(1)
    await yard.claim(1, owner=RIVAL)
    await yard.claim(1, OTHER)

    await yard.db.transact(lambda tx: upkeep.reclaim(tx, LANE))

    assert numbers(await yard.claim()) == [1, 2]
    assert await yard.claim(1, OTHER) == []


async def test_a_claim_whose_owner_falls_silent_is_handed_out_again(yard: Yard) -> None:
    await yard.push(entry(1), entry(2))
    jobs = await yard.claim()
    await yard.connection.execute(SILENT)
    await yard.db.transact(lambda tx: lanes.beat(tx, jobs[:1]))

    assert numbers(await yard.claim(owner=RIVAL)) == [2]


async def test_messages_that_nothing_would_send_are_told(yard: Yard) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7), entry(3, to=8), entry(4, to=9))
    await yard.claim(1)
    await yard.withdraw(about(3, 8))
    messages = [about(n, to) for n, to in ((4, 9), (3, 8), (2, 7), (1, 7), (5, 7), (6, 6))]

    async with yard.db.read() as tx:
        missing = await lanes.without_job(tx, messages)

    assert [reference.message_id.int for reference in missing] == [3, 5, 6]


async def test_what_waits_is_counted_by_lane_and_by_account_with_what_is_parked(
    yard: Yard,
) -> None:
    await yard.push(entry(1, to=7), entry(2, to=7), entry(3, to=7), entry(4, to=8))
    await yard.push(entry(5, account=BOB), entry(6, account=BOB, lane=OTHER))
    await yard.push(entry(7, account=ALICE, kind=Kind.SINGLE))
    await yard.claim(1)

    async with yard.db.read() as tx:
        assert await depths.of_lane(tx, LANE, 100) == 5
        assert await depths.of_lane(tx, LANE, 3) == 3
        assert await depths.of_lane(tx, OTHER, 100) == 1
        assert await depths.of_account(tx, ALICE, 100) == 5
        assert await depths.of_account(tx, ALICE, 2) == 2
        assert await depths.of_account(tx, BOB, 100) == 2
        assert await depths.of_account(tx, 99, 100) == 0
        depth = await depths.of(tx, LANE)
        oldest = await yard.connection.fetchval(
            "select min(execute_after) from pgqueuer where status = 'queued' and entrypoint = $1",
            LANE,
        )
        assert depth == Depth(5, oldest)


@pytest.mark.parametrize("account", [1, 15, 16, 255, 256, 2**40, 2**62])
async def test_an_accounts_count_has_nothing_of_its_neighbours(yard: Yard, account: int) -> None:
    neighbours = [account - 1, account, account + 1]
    await yard.push(
        *(Entry(LANE, about(n, to, id, kind)) for id in neighbours for n, to, kind in MESSAGES)
    )

    async with yard.db.read() as tx:
        assert await depths.of_account(tx, account, 100) == len(MESSAGES)


MESSAGES = [(n, to, kind) for n, to in ((1, 0), (2, 0), (3, 9 * 10**14)) for kind in Kind]


async def test_a_lane_is_used_as_long_as_anything_of_it_waits_or_is_claimed(yard: Yard) -> None:
    async def is_used(lane: str = LANE) -> bool:
        async with yard.db.read() as tx:
            return await depths.is_used(tx, LANE if lane == LANE else OTHER)

    assert not await is_used()
    await yard.push(entry(1, to=7), entry(2, to=7, lane=OTHER))
    assert await is_used()
    assert await is_used(OTHER), "something is parked"
    jobs = await yard.claim()
    assert await is_used()
    await yard.finish(*jobs)
    assert not await is_used()


async def test_the_head_of_a_lane_can_be_looked_at_without_claiming_it(yard: Yard) -> None:
    await yard.push(*(entry(n) for n in range(1, 5)))

    async with yard.db.read() as tx:
        head = await upkeep.head(tx, LANE, 2)

    assert numbers(head) == [1, 2]
    assert numbers(await yard.claim()) == [1, 2, 3, 4]
