"""Workers share the pools evenly, hand them over in good order, and take over from the dead."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import until
from waypost.devices import leases, pools
from waypost.devices.leases import Lease, share_of
from waypost.fleet.tenure import Tenure
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database

POOLS = 6
BRIEF, LONG = 1.0, 60.0
"""Lives of leases: one that runs out in a test, one that does not."""


class SkewedClock(SystemClock):
    """The clock of a machine that is set wrong, and that can sleep."""

    def __init__(self, behind: timedelta = timedelta(0)) -> None:
        self._behind = behind
        self.slept = 0.0

    def now(self) -> datetime:
        return super().now() - self._behind

    def boottime(self) -> float:
        return super().boottime() + self.slept


@asynccontextmanager
async def worker(
    db: Database,
    number: int,
    life: float = LONG,
    clock: SystemClock | None = None,
    patience: float = 5.0,
) -> AsyncIterator[Tenure]:
    """One worker's tenure, until the block ends, where it dies without a word."""
    async with asyncio.TaskGroup() as group:
        tenure = Tenure(
            db, UUID(int=number), clock or SystemClock(), group.create_task, life, patience
        )
        running = group.create_task(tenure.run())
        yield tenure
        running.cancel()


@pytest.fixture
async def pool_ids(db: Database) -> list[int]:
    """Six pools: the default one, and five more."""
    at = datetime(2026, 3, 4, tzinfo=UTC)
    for number in range(POOLS - 1):
        await db.transact(lambda tx, n=number: pools.create(tx, f"pool {n}", False, at))
    async with db.read() as tx:
        return [pool.id for pool in await pools.listed(tx)]


async def carry(tenures: Sequence[Tenure], counts: Sequence[int], seconds: float = 20.0) -> None:
    """Wait until the workers carry so many pools each, all of them, and none twice."""

    async def shared() -> bool:
        held = [pool_id for tenure in tenures for pool_id in tenure.held]
        return [len(t.held) for t in tenures] == list(counts) and len(held) == len(set(held))

    await until(shared, seconds)


@pytest.mark.parametrize("workers", range(1, 9))
def test_shares_add_up_and_differ_by_one_at_most(workers: int) -> None:
    for count in range(20):
        shares = [share_of(count, workers, before) for before in range(workers)]

        assert sum(shares) == count
        assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize("counts", [[6], [3, 3], [2, 2, 2], [2, 2, 1, 1], [1] * 6 + [0]])
async def test_workers_share_the_pools_evenly(
    db: Database, pool_ids: list[int], counts: list[int]
) -> None:
    async with AsyncExitStack() as stack:
        tenures = [await stack.enter_async_context(worker(db, n + 1)) for n in range(len(counts))]
        await carry(tenures, counts)


async def test_who_has_too_much_ends_its_work_before_it_gives_a_pool_away(
    db: Database, pool_ids: list[int]
) -> None:
    ended: list[Lease] = []

    async with worker(db, 1) as first:

        async def let_go(pool_id: int) -> None:
            held = first.held[pool_id]
            assert held.is_ending
            await asyncio.sleep(0.1)
            assert await db.transact(lambda tx: leases.hold(tx, held.lease))
            ended.append(held.lease)

        first.let_go = let_go
        await carry([first], [POOLS])
        async with worker(db, 2) as second:
            await carry([first, second], [3, 3])
            assert {lease.pool_id for lease in ended} == set(second.held)
            assert not any(first.is_safe(lease) for lease in ended)


async def test_what_does_not_end_is_given_away_after_some_patience(
    db: Database, pool_ids: list[int]
) -> None:
    async def never(_: int) -> None:
        await asyncio.Event().wait()

    async with worker(db, 1, patience=0.2) as first, worker(db, 2) as second:
        await carry([first, second], [3, 3])
        first.let_go = never
        await first.leave()
        await carry([first, second], [0, POOLS])


async def test_who_leaves_in_good_order_is_replaced_at_once(
    db: Database, pool_ids: list[int], connection: asyncpg.Connection
) -> None:
    """Long before a lease would have run out."""
    async with worker(db, 1) as first, worker(db, 2) as second:
        await carry([first, second], [3, 3])
        await first.leave()
        assert await connection.fetchval("select array_agg(id) from workers") == [UUID(int=2)]
        await carry([first, second], [0, POOLS], 5)


async def test_the_pools_of_a_worker_that_dies_are_taken_over(
    db: Database, pool_ids: list[int]
) -> None:
    async with worker(db, 1, BRIEF) as second:
        async with worker(db, 2, BRIEF) as first:
            await carry([first, second], [3, 3])
            lost = {held.lease for held in first.held.values()}
        await carry([second], [POOLS])

    for lease in lost:
        assert second.held[lease.pool_id].lease.epoch == lease.epoch + 1


async def test_a_worker_whose_pools_were_taken_knows_it_with_its_next_beat(
    db: Database, connection: asyncpg.Connection
) -> None:
    told: list[int] = []
    async with worker(db, 1, BRIEF) as late:
        await carry([late], [1])
        late.on_change = lambda: told.append(len(late.held))
        (held,) = late.held.values()
        await connection.execute("update leases set until = now(), worker_id = $1", UUID(int=2))
        await until(lambda: beaten(told))

    assert told[0] == 0
    assert not late.is_safe(held.lease)


async def beaten(told: list[int]) -> bool:
    return bool(told)


async def test_nothing_is_sent_past_the_deadline_also_when_the_machine_slept(
    db: Database,
) -> None:
    clock = SkewedClock()
    async with worker(db, 1, clock=clock) as sleepy:
        await carry([sleepy], [1])
    (held,) = sleepy.held.values()

    assert sleepy.is_safe(held.lease)
    clock.slept = LONG
    assert not sleepy.is_safe(held.lease)


async def test_a_lease_of_before_is_not_safe_to_send_under(db: Database) -> None:
    async with worker(db, 1) as tenure:
        await carry([tenure], [1])
        (held,) = tenure.held.values()
        former = Lease(held.lease.pool_id, held.lease.worker_id, held.lease.epoch - 1)

        assert tenure.is_safe(held.lease)
        assert not tenure.is_safe(former)
        assert not tenure.is_safe(Lease(99, held.lease.worker_id, held.lease.epoch))


async def test_clocks_of_machines_need_not_agree(
    db: Database, pool_ids: list[int], connection: asyncpg.Connection
) -> None:
    first_until = await connection.fetchval("select now()") + timedelta(seconds=BRIEF)
    ahead, behind = SkewedClock(timedelta(days=-1)), SkewedClock(timedelta(days=1))

    async def lived_on() -> bool:
        """For longer than a lease that nobody prolongs."""
        until = await connection.fetchval("select min(until) from workers")
        return bool(until > first_until + timedelta(seconds=BRIEF))

    async with worker(db, 1, BRIEF, ahead) as first, worker(db, 2, BRIEF, behind) as second:
        await carry([first, second], [3, 3])
        kept = {held.lease for tenure in (first, second) for held in tenure.held.values()}
        await until(lived_on)
        assert {h.lease for tenure in (first, second) for h in tenure.held.values()} == kept


async def test_a_database_that_is_away_costs_no_pool(db: Database, database_url: str) -> None:
    """Nothing is safe to send once the lease is over; it goes on when the database is back."""
    own = Database(database_url, 2, "waypost test worker")
    await own.open()
    async with worker(own, 1, BRIEF) as tenure:
        await carry([tenure], [1])
        (held,) = tenure.held.values()
        await own.close()
        await until(lambda: over(tenure, held.lease))
        assert list(tenure.held) == [held.lease.pool_id]
        await own.open()
        await until(lambda: safe(tenure, held.lease))
    await own.close()


async def safe(tenure: Tenure, lease: Lease) -> bool:
    return tenure.is_safe(lease)


async def over(tenure: Tenure, lease: Lease) -> bool:
    return not tenure.is_safe(lease)
