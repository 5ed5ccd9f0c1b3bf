"""The simulated device: what becomes of a message is decided by its number, see `fates`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from waypost.drivers.fates import Fate, fate_of
from waypost.drivers.port import (
    Accepted,
    Delivered,
    DeviceDown,
    DriverEvent,
    Failed,
    Outcome,
    Outgoing,
    Read,
    Ref,
    Retry,
    Unconfirmed,
)
from waypost.drivers.timers import Timers
from waypost.kit.clock import Clock

Random = Callable[[], float]

REMEMBERED = 10_000
SHORTEST_SLEEP = 0.002


@dataclass(frozen=True, slots=True)
class Manner:
    """How the simulated network behaves; times in seconds, receipts counted from the send."""

    rate: float
    delivered_seconds: float
    read_seconds: float
    slow_seconds: float = 3.0
    away_seconds: float = 1.0


class Recent:
    """The last things seen."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._things: dict[str, None] = {}

    def add(self, thing: str) -> bool:
        """Whether it is new."""
        if thing in self._things:
            return False
        self._things[thing] = None
        if len(self._things) > self._most:
            del self._things[next(iter(self._things))]
        return True


class Network:
    """What the simulated devices of a process have in common: which messages passed."""

    def __init__(self) -> None:
        self.seen = Recent()
        self.dropped = Recent()


class SandboxDriver:
    """One simulated device. A repeated provider id is accepted again, and arrives once."""

    deduplicates = True

    def __init__(self, network: Network, manner: Manner, clock: Clock, random: Random) -> None:
        self._network = network
        self._manner = manner
        self._clock = clock
        self._random = random
        self._receipts: Timers[DriverEvent] = Timers(clock)
        self._next_turn = 0.0
        self._back_at = 0.0
        self._is_up = False
        self._is_closed = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def connect(self, unconfirmed: list[Unconfirmed]) -> DeviceDown | None:
        if self._clock.monotonic() < self._back_at:
            return DeviceDown("The simulated device is away for a moment.")
        for sent in unconfirmed:
            self._expect(sent.ref, sent.to, sent.sent_at)
        self._is_up = True
        return None

    async def send(self, outgoing: Outgoing) -> Outcome:
        fate = fate_of(outgoing.to)
        self._under_way += 1
        self._idle.clear()
        try:
            await self._turn()
            if fate.slow:
                await asyncio.sleep(self._manner.slow_seconds)
            return self._answer(outgoing, fate)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def events(self) -> AsyncIterator[DriverEvent]:
        while not self._is_closed:
            for event in self._receipts.due():
                yield event
            await self._receipts.wait()

    async def close(self) -> None:
        await self._idle.wait()
        self._is_up = False
        self._is_closed = True
        self._receipts.wake()

    async def _turn(self) -> None:
        """Wait for this message's place in the device's rate."""
        now = self._clock.monotonic()
        turn = max(now, self._next_turn)
        self._next_turn = turn + 1 / self._manner.rate
        if turn - now > SHORTEST_SLEEP:
            await asyncio.sleep(turn - now)

    def _answer(self, outgoing: Outgoing, fate: Fate) -> Outcome:
        if not self._is_up:
            return DeviceDown("The simulated device is away.")
        if fate.drops and self._network.dropped.add(outgoing.provider_id):
            self._is_up = False
            self._back_at = self._clock.monotonic() + self._manner.away_seconds
            return DeviceDown("The simulated device dropped, as this number asks.")
        if outgoing.attempt <= fate.faults:
            return Retry("TRANSPORT_FAULT", "The simulated network had a passing fault.")
        if fate.refused is not None:
            return fate.refused
        if self._network.seen.add(outgoing.provider_id):
            self._expect(outgoing.ref, outgoing.to, self._clock.now())
        return Accepted(outgoing.provider_id)

    def _expect(self, ref: Ref, to: str, sent_at: datetime) -> None:
        now = self._clock.now()
        for event in self._receipts_of(ref, fate_of(to), sent_at):
            self._receipts.put(event, (event.at - now).total_seconds())

    def _receipts_of(self, ref: Ref, fate: Fate, sent_at: datetime) -> Iterator[DriverEvent]:
        pace = 0.9 + 0.2 * self._random()  # no two messages take equally long
        delivered_at = sent_at + timedelta(seconds=pace * self._manner.delivered_seconds)
        if fate.fails:
            text = "The simulated network could not deliver the message."
            yield Failed(ref, delivered_at, "UNDELIVERABLE", text)
        if fate.delivered:
            yield Delivered(ref, delivered_at)
        if fate.read:
            yield Read(ref, sent_at + timedelta(seconds=pace * self._manner.read_seconds))
