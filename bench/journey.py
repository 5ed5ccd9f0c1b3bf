"""A message's way as API and worker take it, verb by verb, each timed: the wire takes no time."""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from bench.plan import BULK_SIZE
from bench.posting import TEXT
from bench.processes import BenchError
from bench.senders import new_number
from waypost.devices import leases
from waypost.devices.leases import Lease
from waypost.drivers.port import Accepted
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.messages.accept import Accept
from waypost.messages.mark import load, mark
from waypost.messages.model import Class
from waypost.messages.outcomes import Claimed, Marked, Place, Result
from waypost.messages.schemas import Content, Recipient
from waypost.messages.settle import settle
from waypost.messages.submission import Acceptance, Answer, Submission
from waypost.queue import lanes
from waypost.queue.model import lane_of

CLOCK = SystemClock()
IDS = Ids(CLOCK)
LIFETIME = timedelta(days=1)
LEASE_LIFE = timedelta(hours=1)
UNCERTAIN_AFTER = timedelta(minutes=1)
STEPS = ("accept", "claim", "mark", "settle")

T = TypeVar("T")
Spent = dict[str, float]
"""By step, in microseconds a message."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database as the product's processes open it."""
    db = Database(url, 2, "waypost bench")
    await db.open()
    try:
        yield db
    finally:
        await db.close()


async def travel(url: str, pool_id: int, batches: int, warm: int, accounts: int) -> Spent:
    """Accept and send so many bulks, after some that do not count."""
    async with opened(url) as db:
        lease = await db.transact(_take)
        if lease.pool_id != pool_id:
            raise BenchError("Another pool than the one with the queue was taken.")
        for number in range(warm):
            await _Journey(db, lease, 1 + number % accounts).go()
        journeys = [_Journey(db, lease, 1 + number % accounts) for number in range(batches)]
        for journey in journeys:
            await journey.go()
    each = 1_000_000 / (batches * BULK_SIZE)
    return {step: each * sum(j.seconds[step] for j in journeys) for step in STEPS}


async def _take(tx: Tx) -> Lease:
    # A worker of an earlier round has ended without a word.
    await tx.execute("update leases set until = now()")
    [lease] = await leases.take(tx, IDS.new(), LEASE_LIFE, 1)
    return lease


@dataclass(slots=True)
class _Journey:
    """A bulk goes in at the end of the queue, and as many messages leave at its head."""

    db: Database
    lease: Lease
    account_id: int
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    async def go(self) -> None:
        submission = _bulk(self.account_id, self.lease.pool_id)
        answers = await self._timed("accept", lambda tx: _ACCEPT(tx, [submission]))
        _expect("accept", BULK_SIZE, sum(len(_accepted(answer).ids) for answer in answers))
        claimed = await self._timed("claim", self._claim)
        _expect("claim", BULK_SIZE, len(claimed))
        marked = await self._timed("mark", lambda tx: self._mark(tx, claimed))
        _expect("mark", BULK_SIZE, len(marked))
        settled = await self._timed("settle", lambda tx: self._settle(tx, marked))
        _expect("settle", BULK_SIZE, settled)

    async def _timed(self, step: str, work: Callable[[Tx], Awaitable[T]]) -> T:
        begun = time.perf_counter()
        done = await self.db.transact(work)
        self.seconds[step] += time.perf_counter() - begun
        return done

    async def _claim(self, tx: Tx) -> list[Claimed]:
        if not await leases.hold(tx, self.lease):
            return []
        lane = lane_of(self.lease.pool_id)
        return await load(tx, await lanes.claim(tx, self.lease.worker_id, lane, BULK_SIZE))

    async def _mark(self, tx: Tx, claimed: list[Claimed]) -> list[Marked]:
        places = [Place(each, 1, True) for each in claimed]
        return await mark(tx, self.lease, places, CLOCK.now())

    async def _settle(self, tx: Tx, marked: list[Marked]) -> int:
        results = [Result(each, Accepted(each.provider_id), CLOCK.now()) for each in marked]
        owner = self.lease.worker_id
        return len(await settle(tx, owner, results, CLOCK, lambda: 0.5, UNCERTAIN_AFTER))


_ACCEPT = Accept(CLOCK, IDS, LIFETIME)


def _bulk(account_id: int, pool_id: int) -> Submission:
    content = Content(TEXT, None, {})
    recipients = [Recipient(new_number(), {}) for _ in range(BULK_SIZE)]
    return Submission(account_id, pool_id, Class.BULK, content, recipients)


def _accepted(answer: Answer) -> Acceptance:
    if not isinstance(answer, Acceptance):
        raise BenchError(f"A bulk was refused: {answer}")
    return answer


def _expect(step: str, wanted: int, done: int) -> None:
    if done != wanted:
        raise BenchError(f"{step} did {done} messages instead of {wanted}.")
