"""A queue to play with: messages by small numbers, and transactions that can be held open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import asyncpg

from tests.support.messages import until
from waypost.kit.db import Database, Tx
from waypost.queue import lanes
from waypost.queue.lanes import Pushed
from waypost.queue.model import Entry, Job, Kind, Lane, Later, Reference, chain_of, lane_of

T = TypeVar("T")

LANE = lane_of(1)
OTHER = lane_of(2)
ALICE, BOB, CAROL = 1, 2, 3
WORKER, RIVAL = UUID(int=1), UUID(int=2)

ORDER = "select payload from pgqueuer order by priority desc, id"
PARKED = "select chain, message_id from parked_jobs order by chain, id"
WAITING = """
select exists (select from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock')
"""


def about(n: int, to: int, account: int = ALICE, kind: Kind = Kind.BULK) -> Reference:
    """Message number `n`, to recipient number `to`."""
    return Reference(account, chain_of(kind, str(27_820_000_000 + to)), UUID(int=n))


def entry(
    n: int,
    to: int | None = None,
    account: int = ALICE,
    kind: Kind = Kind.BULK,
    weight: int = 1,
    lane: Lane = LANE,
) -> Entry:
    """The message as it is pushed; each to a recipient of its own, if none is named."""
    return Entry(lane, about(n, n if to is None else to, account, kind), weight)


def numbers(jobs: Sequence[Job]) -> list[int]:
    """Which messages these jobs are about."""
    return [job.about.message_id.int for job in jobs]


@dataclass
class Yard:
    """The verbs, each in a transaction of its own."""

    db: Database
    connection: asyncpg.Connection

    async def push(self, *entries: Entry) -> Pushed:
        return await self.db.transact(lambda tx: lanes.push(tx, entries))

    async def claim(self, most: int = 100, lane: Lane = LANE, owner: UUID = WORKER) -> list[Job]:
        return await self.db.transact(lambda tx: lanes.claim(tx, owner, lane, most))

    async def finish(self, *jobs: Job) -> None:
        await self.db.transact(lambda tx: lanes.finish(tx, jobs))

    async def withdraw(self, *messages: Reference) -> None:
        await self.db.transact(lambda tx: lanes.withdraw(tx, messages))

    async def retry(self, *jobs: Job, delay: timedelta = timedelta(0)) -> None:
        later = [Later(job, delay) for job in jobs]
        await self.db.transact(lambda tx: lanes.retry(tx, WORKER, later))

    async def take(self, most: int, lane: Lane = LANE) -> list[int]:
        """Claim and finish; says which messages."""
        jobs = await self.claim(most, lane)
        await self.finish(*jobs)
        return numbers(jobs)

    async def place(self, message: Reference, lane: Lane = LANE) -> int | None:
        return await self.db.transact(lambda tx: lanes.place_of(tx, lane, message))

    async def in_lane(self) -> list[int]:
        """The messages that have a job, in the order of the lane."""
        rows = await self.connection.fetch(ORDER)
        return [Reference.unpack(row["payload"]).message_id.int for row in rows]

    async def parked(self) -> list[int]:
        """The messages that wait behind others."""
        return [row["message_id"].int for row in await self.connection.fetch(PARKED)]

    @asynccontextmanager
    async def held(self, work: Callable[[Tx], Awaitable[Any]]) -> AsyncIterator[None]:
        """What `work` did is committed when the block ends; undone when it raises `Undo`."""
        try:
            async with self.db.tx() as tx:
                await work(tx)
                yield
        except Undo:
            pass

    async def blocked(self, work: Callable[[Tx], Awaitable[T]]) -> "asyncio.Task[T]":
        """Start this beside what is held, and let it run into its lock."""
        task = asyncio.create_task(self.db.transact(work))
        await until(lambda: self._is_waiting(task))
        return task

    async def _is_waiting(self, task: "asyncio.Task[Any]") -> bool:
        assert not task.done(), "it waited for nobody"
        waiting: bool = await self.connection.fetchval(WAITING)
        return waiting


class Undo(Exception):
    """Nobody is to see what was done."""
