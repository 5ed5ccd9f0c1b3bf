"""Everybody at once, at random: a chain's messages are claimed in their order, and none is lost."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.database.queue.yard import ALICE, BOB, CAROL, LANE, OTHER, Yard, entry, numbers
from waypost.kit.db import Database, Tx
from waypost.queue import lanes, upkeep
from waypost.queue.model import Entry, Job, Kind, Later, Reference

STEPS = 25
LANES = (LANE, OTHER)

# As a push holds its account's wallet: the pushes of one account come one after the other.
WALLET = "select pg_advisory_xact_lock($1)"


@dataclass
class World:
    """What is known of the queue from outside: what came in which order, and what is over."""

    db: Database
    random: Random
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    chains: dict[str, list[Reference]] = field(default_factory=lambda: defaultdict(list))
    over: set[Reference] = field(default_factory=set)
    claimed: set[Reference] = field(default_factory=set)

    async def push(self) -> None:
        """A few messages of one account to a few recipients."""
        account = self.random.choice((ALICE, BOB, CAROL))
        entries = [self._entry(account) for _ in range(self.random.randint(1, 6))]

        async def work(tx: Tx) -> None:
            await tx.execute(WALLET, account)
            for each in entries:
                chain = self.chains[each.about.key]
                chain[:] = [message for message in chain if message != each.about]
                chain.append(each.about)
            await lanes.push(tx, entries)
            await self._dawdle()

        await self.db.transact(work)

    def _entry(self, account: int) -> Entry:
        to, kind, lane = self.random.randint(1, 3), self._any(Kind), self._any(LANES)
        return entry(next(self.numbers), to, account, kind, account, lane)

    async def work(self, owner: UUID) -> None:
        """Claim some, and do with each what a worker may do with it."""
        lane, most = self._any(LANES), self.random.randint(1, 5)
        jobs = await self.db.transact(lambda tx: lanes.claim(tx, owner, lane, most))
        self.check(jobs)
        await self._dawdle()
        fates: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            fates[self._any(("end", "end", "again", "back", "forget"))].append(job)
        await self.end(fates["end"])
        await self.db.transact(lambda tx: lanes.retry(tx, owner, self._later(fates["again"])))
        await self.db.transact(lambda tx: lanes.release_jobs(tx, owner, fates["back"]))

    async def end(self, jobs: list[Job]) -> None:
        """End these jobs."""
        self.over |= {job.about for job in jobs}

        async def work(tx: Tx) -> None:
            await lanes.finish(tx, jobs)
            await self._dawdle()

        await self.db.transact(work)

    async def withdraw(self) -> None:
        """Withdraw some, wherever they stand."""
        known = [message for chain in self.chains.values() for message in chain]
        some = self.random.sample(known, min(2, len(known)))
        self.over |= set(some)
        await self.db.transact(lambda tx: lanes.withdraw(tx, some))

    async def tidy(self) -> None:
        """What housekeeping and who takes a pool over do; nothing is ever found astray."""
        assert await self.db.transact(upkeep.heal) == 0
        await self.db.transact(upkeep.forget_idle)
        lane = self._any(LANES)
        await self.db.transact(lambda tx: upkeep.reclaim(tx, lane))

    def check(self, jobs: list[Job]) -> None:
        """What is claimed is the first of its chain that is not over."""
        for job in jobs:
            chain = self.chains[job.about.key]
            before = chain[: chain.index(job.about)]
            assert set(before) <= self.over, "it is claimed before its predecessors have ended"
            self.claimed.add(job.about)

    def _any(self, choices: Iterable[Any]) -> Any:
        return self.random.choice(list(choices))

    def _later(self, jobs: list[Job]) -> list[Later]:
        return [Later(job, timedelta(milliseconds=self.random.randint(0, 20))) for job in jobs]

    async def _dawdle(self) -> None:
        await asyncio.sleep(self.random.choice((0, 0, 0.005)))


async def often(step: Callable[[], Awaitable[None]]) -> None:
    for _ in range(STEPS):
        await step()


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_races_with_whom_a_chain_keeps_its_order_and_nothing_is_lost(
    yard: Yard, seed: int
) -> None:
    world = World(yard.db, Random(seed))

    async with asyncio.TaskGroup() as actors:
        for _ in range(3):
            actors.create_task(often(world.push))
        for n in range(1, 4):
            actors.create_task(often(lambda n=n: world.work(UUID(int=n))))
        actors.create_task(often(world.withdraw))
        actors.create_task(often(world.tidy))

    over_before = set(world.over)
    await yard.connection.execute("update pgqueuer set execute_after = now()")
    for lane in LANES:
        await yard.db.transact(lambda tx, lane=lane: upkeep.reclaim(tx, lane))
    while jobs := [job for lane in LANES for job in await yard.claim(100, lane)]:
        assert len({job.about.key for job in jobs}) == len(numbers(jobs))
        world.check(jobs)
        await world.end(jobs)

    pushed = {message for chain in world.chains.values() for message in chain}
    assert len(pushed) > STEPS * 3
    assert pushed - over_before <= world.claimed
    assert await yard.parked() == await yard.in_lane() == []
