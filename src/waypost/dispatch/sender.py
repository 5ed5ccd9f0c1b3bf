"""Send what is marked, and have its outcome settled."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from waypost.devices.leases import Lease
from waypost.drivers.port import TOO_LATE, NotSent, Outcome, Unknown
from waypost.fleet.phone import Phone
from waypost.fleet.tenure import Tenure
from waypost.kit.batches import Batches
from waypost.kit.clock import Clock
from waypost.kit.db import Database
from waypost.kit.log import get
from waypost.kit.tasks import Spawn
from waypost.messages import settle
from waypost.messages.model import Status
from waypost.messages.outcomes import Marked, Result
from waypost.messages.settle import Settled
from waypost.queue.model import Job

MOST = 256
PAUSE_SECONDS = 0.01
MARK_LOST = NotSent("The database broke off while it was being marked.")
FAILED = Unknown("The driver failed while it was sending.")

OUTCOMES = Counter("waypost_messages_sent_total", "Outcomes of sends", ["outcome"])
SECONDS = Histogram(
    "waypost_accept_to_sent_seconds",
    "From a message's acceptance to the transport's",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600),
)
SIZE = Histogram(
    "waypost_settle_batch_size",
    "Outcomes that shared a transaction",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
IN_FLIGHT = Gauge(
    "waypost_in_flight",
    "Messages claimed and not yet settled",
    multiprocess_mode="livesum",
)

log = get(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Flight:
    lease: Lease
    phone: Phone
    marked: Marked
    since: float


@dataclass(frozen=True, slots=True)
class _Landed:
    flight: _Flight
    result: Result


class Sender:
    """Sends marked messages side by side. A place in a device's window is free after the settle."""

    def __init__(
        self,
        db: Database,
        owner: UUID,
        tenure: Tenure,
        clock: Clock,
        random: Callable[[], float],
        spawn: Spawn,
        uncertain_after: timedelta,
        on_room: Callable[[int], None],
    ) -> None:
        self._db = db
        self._owner = owner
        self._tenure = tenure
        self._clock = clock
        self._random = random
        self._spawn = spawn
        self._uncertain_after = uncertain_after
        self._on_room = on_room
        self._flights: set[_Flight] = set()
        self._landed: Batches[_Landed] = Batches(
            "outcomes", self._settle, MOST, PAUSE_SECONDS, self._lose
        )
        self._ended = asyncio.Event()

    def send(self, lease: Lease, phone: Phone, marked: Marked) -> None:
        """Begin to send one message that was marked under this lease."""
        self._spawn(self._send(self._begin(lease, phone, marked)))

    def withhold(self, lease: Lease, phone: Phone, marked: Marked) -> None:
        """Have it noted that a message, which is perhaps marked, is not sent."""
        self._land(self._begin(lease, phone, marked), MARK_LOST)

    def flying(self, seconds: float) -> list[Job]:
        """The jobs of messages that have been under way for so long."""
        before = self._clock.monotonic() - seconds
        return [f.marked.claimed.job for f in self._flights if f.since <= before]

    async def run(self) -> None:
        """Settle outcomes, for ever."""
        await self._landed.run()

    async def drain(self, pool_id: int | None = None) -> None:
        """Wait until what is under way, from this pool or from any, has its outcome, settled."""
        while any(pool_id in (None, flight.lease.pool_id) for flight in self._flights):
            self._ended.clear()
            await self._ended.wait()

    def _begin(self, lease: Lease, phone: Phone, marked: Marked) -> _Flight:
        flight = _Flight(lease, phone, marked, self._clock.monotonic())
        self._flights.add(flight)
        phone.use()
        IN_FLIGHT.inc()
        return flight

    async def _send(self, flight: _Flight) -> None:
        self._land(flight, await self._outcome(flight))

    def _land(self, flight: _Flight, outcome: Outcome) -> None:
        self._landed.put(_Landed(flight, Result(flight.marked, outcome, self._clock.now())))

    async def _outcome(self, flight: _Flight) -> Outcome:
        # A worker that was frozen after the mark stops here: its pool may be another's by now.
        # The driver, which may wait for its turn, looks at the deadline again.
        deadline = self._tenure.deadline(flight.lease)
        if self._clock.boottime() >= deadline:
            log.warning("send.too_late", pool_id=flight.lease.pool_id)
            return TOO_LATE
        try:
            return await flight.phone.send(flight.marked.outgoing(deadline))
        except Exception:
            log.exception("send.failed", device_id=flight.phone.device.id)
            return FAILED

    async def _settle(self, landed: Sequence[_Landed]) -> None:
        results = [each.result for each in landed]
        settled = await self._db.transact(
            lambda tx: settle.settle(
                tx, self._owner, results, self._clock, self._random, self._uncertain_after
            )
        )
        SIZE.observe(len(landed))
        for each in settled:
            _count(each)
        self._end([each.flight for each in landed])

    def _lose(self, landed: _Landed) -> None:
        # Nobody beats for its job any more: it is handed out again, and found `Sending`.
        self._end([landed.flight])

    def _end(self, flights: Sequence[_Flight]) -> None:
        for flight in flights:
            self._flights.discard(flight)
            flight.phone.in_flight -= 1
        IN_FLIGHT.dec(len(flights))
        self._ended.set()
        for pool_id in {flight.lease.pool_id for flight in flights}:
            self._on_room(pool_id)


def count(to: Status, messages: int) -> None:
    """So many messages came to stand there."""
    OUTCOMES.labels(to.lower()).inc(messages)


def _count(settled: Settled) -> None:
    count(settled.verdict.to, 1)
    if settled.verdict.to is Status.SENT:
        created_at = settled.result.marked.claimed.text.created_at
        SECONDS.observe((settled.result.at - created_at).total_seconds())
