"""Accepted messages for tests of what comes after; accepted as the API accepts them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from waypost.app.worker import run_worker
from waypost.credits import ledger
from waypost.credits.model import Kind, Move
from waypost.devices import leases
from waypost.devices.leases import Lease
from waypost.drivers.news import Delivered, Failed, Left, Read, Receipt
from waypost.drivers.outgoing import Ref
from waypost.drivers.port import DeviceDown, Outcome
from waypost.kit.clock import Clock, SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.messages import receipts, store_progress
from waypost.messages.accept import Accept
from waypost.messages.mark import load, mark
from waypost.messages.model import Class
from waypost.messages.options import Options
from waypost.messages.outcomes import Claimed, Marked, Place, Result
from waypost.messages.schemas import Content, Recipient
from waypost.messages.settle import Settled, settle
from waypost.messages.store_progress import State
from waypost.messages.submission import Acceptance, Submission
from waypost.queue import lanes, upkeep
from waypost.queue.model import lane_of

PLAIN = "27821234567"
OWNER = UUID(int=1)
DAY = timedelta(days=1)
UNCERTAIN_AFTER = timedelta(seconds=60)
DOWN = DeviceDown("gone")
QUICK = Settings(
    seal_key="k" * 32, sandbox_delivered_seconds=0.05, sandbox_read_seconds=0.1, stop_seconds=8.0
)


HOLDER = "select worker_id from leases where pool_id = $1 for update"

TAKE = """
insert into leases (pool_id, worker_id, epoch, until)
values ($1, $2, 1, now() + interval '1 day')
    on conflict (pool_id) do update
   set worker_id = excluded.worker_id, until = excluded.until,
       epoch = leases.epoch + (leases.worker_id is distinct from excluded.worker_id)::int
returning epoch
"""


def plain(count: int) -> list[str]:
    """Up to 1,000 different numbers to which a message goes its ordinary way."""
    return [f"2782{n:03}4567" for n in range(count)]


@dataclass
class House:
    """One account with credits, in a fresh database."""

    db: Database
    account_id: int = 1
    pool_id: int = 1
    clock: Clock = field(default_factory=SystemClock)

    async def open(self, credits: int = 1000) -> "House":
        """Give the account its credits."""

        async def work(tx: Tx) -> None:
            await ledger.open_wallet(tx, self.account_id)
            grant = Move(self.account_id, credits, Kind.GRANT)
            await ledger.post(tx, [grant], self.clock.now())

        await self.db.transact(work)
        return self

    async def accept(
        self,
        *numbers: str,
        lifetime: timedelta = DAY,
        text: str = "Hello",
        kind: Class = Class.BULK,
        send_at: datetime | None = None,
        expires_in: timedelta | None = None,
        reference: str | None = None,
        device_id: int | None = None,
        weight: int = 1,
    ) -> list[UUID]:
        """Accept a message to each number, of a bulk or one by one; returns their ids."""
        content = Content(text, None, {})
        options = Options(send_at, expires_in, reference, device_id)
        recipients = [Recipient(number, {}) for number in numbers]
        parts = [recipients] if kind is Class.BULK else [[each] for each in recipients]
        submissions = [
            Submission(self.account_id, self.pool_id, kind, content, part, options, weight)
            for part in parts
        ]
        answers = await self.submit(*submissions, lifetime=lifetime)
        return [id for answer in answers for id in answer.ids]

    async def submit(self, *submissions: Submission, lifetime: timedelta = DAY) -> list[Acceptance]:
        """Accept them together; none is refused."""
        accept = Accept(self.clock, Ids(self.clock), lifetime)
        answers = await self.db.transact(lambda tx: accept(tx, submissions))
        accepted = [answer for answer in answers if isinstance(answer, Acceptance)]
        assert len(accepted) == len(answers), answers
        return accepted

    async def lease(self, owner: UUID = OWNER) -> Lease:
        """The pool's lease, in this worker's hands from now on: taken over from any other."""

        async def take(tx: Tx) -> Lease:
            holder = await tx.fetchval(HOLDER, self.pool_id)
            epoch = await tx.fetchval(TAKE, self.pool_id, owner)
            if holder not in (owner, None):
                await upkeep.reclaim(tx, lane_of(self.pool_id))
            return Lease(self.pool_id, owner, epoch)

        return await self.db.transact(take)

    async def claim(
        self, most: int = 100, owner: UUID = OWNER, *, lease: Lease | None = None
    ) -> list[Claimed]:
        """Claim what waits."""
        held, lane = lease or await self.lease(owner), lane_of(self.pool_id)

        async def work(tx: Tx) -> list[Claimed]:
            if not await leases.hold(tx, held):
                return []
            return await load(tx, await lanes.claim(tx, held.worker_id, lane, most))

        return await self.db.transact(work)

    async def mark(
        self,
        most: int = 100,
        owner: UUID = OWNER,
        *,
        device_id: int = 1,
        may_repeat: bool = True,
    ) -> list[Marked]:
        """Claim and mark what waits."""
        lease = await self.lease(owner)
        claimed = await self.claim(most, lease=lease)
        return await self.mark_claimed(lease, claimed, device_id=device_id, may_repeat=may_repeat)

    async def mark_claimed(
        self,
        lease: Lease,
        claimed: Sequence[Claimed],
        *,
        device_id: int = 1,
        may_repeat: bool = True,
    ) -> list[Marked]:
        """Mark what was claimed under this lease."""
        places = [Place(each, device_id, may_repeat) for each in claimed]
        return await self.db.transact(lambda tx: mark(tx, lease, places, self.clock.now()))

    async def settle(self, marked: Marked, outcome: Outcome, owner: UUID = OWNER) -> list[Settled]:
        """Write one outcome."""
        return await self.settle_all([(marked, outcome)], owner)

    async def settle_all(
        self, outcomes: Sequence[tuple[Marked, Outcome]], owner: UUID = OWNER
    ) -> list[Settled]:
        """Write outcomes together."""
        results = [Result(marked, outcome, self.clock.now()) for marked, outcome in outcomes]
        return await self.db.transact(
            lambda tx: settle(tx, owner, results, self.clock, lambda: 0.5, UNCERTAIN_AFTER)
        )

    async def receive(self, marked: Marked, *kinds: str, knows_mark: bool = True) -> list[Receipt]:
        """Write receipts of one send, together: "left", "delivered", "read", "failed"."""
        ref = Ref(*marked.claimed.key, marked.mark if knows_mark else 0)
        at = self.clock.now()
        made: dict[str, Receipt] = {
            "left": Left(ref, at, "wamid"),
            "delivered": Delivered(ref, at),
            "read": Read(ref, at),
            "failed": Failed(ref, at, "UNDELIVERABLE", "It did not arrive."),
        }
        news = [made[kind] for kind in kinds]
        return await self.db.transact(lambda tx: receipts.apply(tx, news, self.clock))

    async def abandon(self) -> None:
        """Let every claim's owner have been silent for long."""
        async with self.db.tx() as tx:
            await tx.execute("update pgqueuer set heartbeat = heartbeat - interval '1 hour'")

    async def states(self, ids: Sequence[UUID]) -> list[State]:
        """Where these messages stand, in their order."""
        keys = sorted((self.account_id, id) for id in ids)
        found = await self.db.transact(lambda tx: store_progress.lock(tx, keys))
        return [found[self.account_id, id] for id in ids]

    async def statuses(self, ids: Sequence[UUID]) -> list[str]:
        """Their statuses, in their order."""
        return [str(state.status) for state in await self.states(ids)]

    async def balance(self) -> int:
        """The account's credits; the ledger agrees."""
        async with self.db.read() as tx:
            assert await ledger.differences(tx) == []
            return await ledger.balance(tx, self.account_id)


async def jobs_of(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    """What stands in the queue."""
    rows: list[asyncpg.Record] = await connection.fetch(
        "select id, status, queue_manager_id, execute_after - now() as wait from pgqueuer"
    )
    return rows


async def told(connection: asyncpg.Connection, id: UUID) -> list[str]:
    """The message's facts in order, by type."""
    rows = await connection.fetch(
        "select type from message_events where message_id = $1 order by number", id
    )
    return [row["type"] for row in rows]


async def facts_are_whole(connection: asyncpg.Connection, id: UUID) -> None:
    """The facts count from 1 without gaps, and the message knows how many there are."""
    numbers = await connection.fetchval(
        "select array_agg(number order by number) from message_events where message_id = $1", id
    )
    known = await connection.fetchval("select facts from messages where id = $1", id)
    assert numbers == list(range(1, known + 1))


async def reached(house: House, ids: Sequence[UUID], *statuses: str) -> bool:
    """Whether each of these messages has one of these statuses."""
    return set(await house.statuses(ids)) <= set(statuses)


async def went_once(connection: asyncpg.Connection, ids: Sequence[UUID]) -> None:
    """Each is told to be read once, and sent at most once: its delivery may be known before."""
    for id in ids:
        facts = Counter(await told(connection, id))
        assert facts["message.read"] == 1
        assert facts["message.sent"] <= 1
        await facts_are_whole(connection, id)


async def until(holds: Callable[[], Awaitable[object]], seconds: float = 20.0) -> None:
    """Wait until something holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, "it did not come to hold in time"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def worker(
    database_url: str, settings: Settings = QUICK
) -> AsyncIterator[asyncio.Task[None]]:
    """A worker at work, stopped in good order at the end of the block."""
    stop = asyncio.Event()
    running = asyncio.create_task(run_worker(settings, database_url, stop))
    try:
        yield running
    finally:
        stop.set()
        with suppress(asyncio.CancelledError):
            await running
