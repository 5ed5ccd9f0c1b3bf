"""One account on a real database, its clock in the test's hands, for tests that are not async."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal, TypeVar
from uuid import UUID

import asyncpg

from tests.support.messages import House
from waypost.accounts import directory
from waypost.accounts.model import Changes, NewAccount, OnUncertain
from waypost.credits.open_account import open_account
from waypost.devices.leases import Lease
from waypost.drivers.news import Delivered, Failed, Left, Read, Receipt
from waypost.drivers.outgoing import Ref
from waypost.drivers.port import Outcome
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database, Tx
from waypost.kit.errors import Conflict
from waypost.messages import cancel, pause, receipts, settle, uncertain
from waypost.messages.model import Class, Status, show_batch_id, show_id
from waypost.messages.outcomes import Claimed, Marked, Result
from waypost.messages.resolve import resolve
from waypost.messages.ring import Rung, ring
from waypost.messages.schemas import Content, Options, Recipient
from waypost.messages.submission import Acceptance, Submission

T = TypeVar("T")
News = Literal["left", "delivered", "read", "failed"]

Told = tuple[News, int]
"""News, and of which send; 0 where it does not say."""

CREDITS = 1000
UNCERTAIN_AFTER = timedelta(seconds=60)

FORGET = "delete from pgqueuer; delete from parked_jobs; delete from alarms"

# The queue's time is the database's own. So that an example goes the same way each time, what is
# put off is moved to the year 2100 plus its moment in the stage's time, and back when that comes.
PUT_OFF = """
update pgqueuer
   set execute_after = '2100-01-01'::timestamptz + $1::interval + (execute_after - now())
 where execute_after > now() and execute_after < '2100-01-01'
"""

COME_BACK = """
update pgqueuer set execute_after = now()
 where execute_after between '2100-01-01' and '2100-01-01'::timestamptz + $1::interval
"""

BEAT = "update pgqueuer set heartbeat = now() where status = 'picked'"

FOUND = """
select m.id, m.status, m.facts, m.mark, m.attempts, facts.told, facts.numbers,
       (select count(*) from ledger l
         where l.account_id = $1 and l.message_id = m.id and l.kind = 'refund') as refunds,
       (select count(*) from pgqueuer where substring(payload from 17) = uuid_send(m.id))
     + (select count(*) from parked_jobs where message_id = m.id) as jobs
  from messages m
 cross join lateral (
    select array_agg(replace(type, 'message.', '') order by number) as told,
           array_agg(number order by number) as numbers
      from message_events where account_id = $1 and message_id = m.id) as facts
 where m.account_id = $1
"""

BOOKS = """
select credits, (select sum(delta)::bigint from ledger where account_id = $1) from wallets
 where account_id = $1
"""


@dataclass(frozen=True)
class World:
    """A database for many stages, one after the other."""

    runner: asyncio.Runner
    db: Database
    connection: asyncpg.Connection
    names: Iterator[int] = field(default_factory=count)

    @classmethod
    @contextmanager
    def opened(cls, url: str) -> Iterator["World"]:
        with asyncio.Runner() as runner:
            db = Database(url, 2, "waypost test")
            runner.run(db.open())
            connection = runner.run(_connected(url))
            yield cls(runner, db, connection)
            runner.run(connection.close())
            runner.run(db.close())

    def run(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self.runner.run(wait())

    def transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        return self.run(self.db.transact(work))


class Stage:
    """Each verb as its callers use it. What earlier stages left in the queue is forgotten."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owners = (UUID(int=n) for n in count(1))
        self._began = datetime.now(UTC)
        self.clock = FrozenClock(self._began)
        world.run(world.connection.execute(FORGET))
        new = NewAccount(f"user{next(world.names)}", "-")
        account = world.transact(lambda tx: open_account(tx, new, CREDITS, self.clock.now()))
        self.account_id = account.id
        self._house = House(world.db, account.id, clock=self.clock)
        self.take_over()

    # What people do.

    def accept(
        self, numbers: Sequence[str], send_at: datetime | None, expires_in: timedelta
    ) -> Acceptance:
        """A bulk."""
        options = Options(send_at, expires_in, None, None)
        recipients = [Recipient(number, {}) for number in numbers]
        content = Content("Hello", None, {})
        bulk = Submission(self.account_id, 1, Class.BULK, content, recipients, options)
        (answer,) = self._world.run(self._house.submit(bulk))
        return answer

    def cancel(self, id: UUID) -> None:
        with suppress(Conflict):
            self._transact(lambda tx: cancel.cancel(tx, self.account_id, show_id(id), self.clock))

    def pause(self, batch_id: UUID) -> None:
        shown = show_batch_id(batch_id)
        with suppress(Conflict):
            self._transact(lambda tx: pause.pause(tx, self.account_id, shown, self.clock))

    def resume(self, batch_id: UUID) -> None:
        shown = show_batch_id(batch_id)
        with suppress(Conflict):
            self._transact(lambda tx: pause.resume(tx, self.account_id, shown, self.clock))

    def resolve(self, id: UUID, said: Status) -> None:
        self._transact(lambda tx: resolve(tx, self.account_id, id, said, self.clock))

    def follow(self, policy: OnUncertain) -> None:
        changes, now = Changes(on_uncertain=policy), self.clock.now()
        self._transact(lambda tx: directory.change(tx, self.account_id, changes, now))

    # What workers do.

    def let_pass(self, time: timedelta) -> Rung:
        """Time passes, for the queue too, and what is due is looked at."""
        self.clock.advance(time)
        self._world.run(self._world.connection.execute(COME_BACK, self._passed))
        return self._transact(lambda tx: ring(tx, self.clock))

    def take_over(self) -> None:
        """A worker has the pool of one that is frozen or dead, and what that had claimed."""
        self.lease = self._world.run(self._house.lease(next(self._owners)))

    def claim(self) -> list[Claimed]:
        self._world.run(self._world.connection.execute(BEAT))
        return self._world.run(self._house.claim(lease=self.lease))

    def expire(self, late: Sequence[Claimed]) -> None:
        self._transact(lambda tx: settle.expire(tx, late, self.clock))

    def look(self, lease: Lease, lost: Sequence[Claimed]) -> None:
        owner = lease.worker_id
        self._put_off(lambda tx: uncertain.look(tx, owner, lost, self.clock, UNCERTAIN_AFTER))

    def mark(self, lease: Lease, due: Sequence[Claimed], *, drops_repeats: bool) -> list[Marked]:
        return self._world.run(self._house.mark_claimed(lease, due, may_repeat=drops_repeats))

    def settle(self, lease: Lease, marked: Marked, outcome: Outcome) -> None:
        owner, result = lease.worker_id, Result(marked, outcome, self.clock.now())
        self._put_off(
            lambda tx: settle.settle(tx, owner, [result], self.clock, lambda: 0.5, UNCERTAIN_AFTER)
        )

    # What is told, and what is found.

    def receive(self, id: UUID, news: Sequence[Told]) -> None:
        told = [self._receipt(Ref(self.account_id, id, mark), each) for each, mark in news]
        self._transact(lambda tx: receipts.apply(tx, told, self.clock))

    def found(self) -> list[asyncpg.Record]:
        """The account's messages, with their facts, refunds and jobs."""
        return self._world.run(self._world.connection.fetch(FOUND, self.account_id))

    def books(self) -> tuple[int, int]:
        """The account's balance, and the sum of its ledger."""
        row = self._world.run(self._world.connection.fetchrow(BOOKS, self.account_id))
        assert row is not None
        return row[0], row[1]

    def _transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        return self._world.transact(work)

    @property
    def _passed(self) -> timedelta:
        return self.clock.now() - self._began

    def _put_off(self, work: Callable[[Tx], Awaitable[T]]) -> None:
        async def both(tx: Tx) -> None:
            await work(tx)
            await tx.execute(PUT_OFF, self._passed)

        self._transact(both)

    def _receipt(self, ref: Ref, news: News) -> Receipt:
        at = self.clock.now()
        match news:
            case "left":
                return Left(ref, at, "wamid")
            case "delivered":
                return Delivered(ref, at)
            case "read":
                return Read(ref, at)
            case "failed":
                return Failed(ref, at, "UNDELIVERABLE", "It did not arrive.")


async def _connected(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url)
