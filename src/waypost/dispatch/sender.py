"""Send what is marked, and have its outcome settled."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from waypost.fleet.phone import Phone
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
        clock: Clock,
        random: Callable[[], float],
        spawn: Spawn,
        on_room: Callable[[], None],
    ) -> None:
        self._db = db
        self._owner = owner
        self._clock = clock
        self._random = random
        self._spawn = spawn
        self._on_room = on_room
        self._flights: set[_Flight] = set()
        self._landed: Batches[_Landed] = Batches(
            "outcomes", self._settle, MOST, PAUSE_SECONDS, self._lose
        )
        self._empty = asyncio.Event()
        self._empty.set()

    def send(self, phone: Phone, marked: Marked) -> None:
        """Begin to send one message."""
        flight = _Flight(phone, marked, self._clock.monotonic())
        self._flights.add(flight)
        self._empty.clear()
        phone.in_flight += 1
        IN_FLIGHT.inc()
        self._spawn(self._send(flight))

    def flying(self, seconds: float) -> list[Job]:
        """The jobs of messages that have been under way for so long."""
        before = self._clock.monotonic() - seconds
        return [f.marked.claimed.job for f in self._flights if f.since <= before]

    def count_expired(self, messages: int) -> None:
        """Messages ended before they came to be sent."""
        OUTCOMES.labels(Status.EXPIRED.lower()).inc(messages)

    async def run(self) -> None:
        """Settle outcomes, for ever."""
        await self._landed.run()

    async def drain(self) -> None:
        """Wait until what is under way has its outcome, settled."""
        await self._empty.wait()

    async def _send(self, flight: _Flight) -> None:
        try:
            outcome = await flight.phone.send(flight.marked.outgoing)
        except Exception:
            # Nobody knows whether it left: it stays `Sending`, as after a crash.
            log.exception("send.crashed", device_id=flight.phone.device.id)
            self._end([flight])
            return
        self._landed.put(_Landed(flight, Result(flight.marked, outcome, self._clock.now())))

    async def _settle(self, landed: Sequence[_Landed]) -> None:
        results = [each.result for each in landed]
        settled = await self._db.transact(
            lambda tx: settle.settle(tx, self._owner, results, self._clock, self._random)
        )
        SIZE.observe(len(landed))
        for each in settled:
            _count(each)
        self._end([each.flight for each in landed])

    def _lose(self, landed: _Landed) -> None:
        self._end([landed.flight])

    def _end(self, flights: Sequence[_Flight]) -> None:
        for flight in flights:
            self._flights.discard(flight)
            flight.phone.in_flight -= 1
        IN_FLIGHT.dec(len(flights))
        if not self._flights:
            self._empty.set()
        self._on_room()


def _count(settled: Settled) -> None:
    OUTCOMES.labels(settled.verdict.to.lower()).inc()
    if settled.verdict.to is Status.SENT:
        created_at = settled.result.marked.claimed.text.created_at
        SECONDS.observe((settled.result.at - created_at).total_seconds())
