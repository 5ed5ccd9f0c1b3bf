"""The sandbox device: its carrier takes the messages, and receipts are simulated, see `fates`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from waypost.drivers.carrier import Carrier
from waypost.drivers.fates import Fate, fate_of
from waypost.drivers.news import Delivered, DriverEvent, Failed, Read
from waypost.drivers.outgoing import Outgoing, Ref
from waypost.drivers.port import TOO_LATE, DeviceDown, Outcome, Unconfirmed
from waypost.drivers.simulation import Network
from waypost.drivers.timers import Timers
from waypost.drivers.under_way import UnderWay
from waypost.kit.clock import Clock

Random = Callable[[], float]

SHORTEST_SLEEP = 0.002


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sandbox device behaves: its messages per second, when its receipts come after a send
    in seconds, and whether its network drops a second message of the same id."""

    rate: float
    delivered_seconds: float
    read_seconds: float
    deduplicates: bool = True


class SandboxDriver:
    """One sandbox device. Of a repeated provider id the receipts come once."""

    def __init__(
        self, carrier: Carrier, network: Network, manner: Manner, clock: Clock, random: Random
    ) -> None:
        self.deduplicates = manner.deduplicates
        self._carrier = carrier
        self._network = network
        self._manner = manner
        self._clock = clock
        self._random = random
        self._receipts: Timers[DriverEvent] = Timers(clock)
        self._next_turn = 0.0
        self._is_up = False
        self._is_closed = False
        self._under_way = UnderWay()

    async def connect(self, unconfirmed: list[Unconfirmed]) -> DeviceDown | None:
        down = await self._carrier.open()
        if down is not None:
            return down
        for sent in unconfirmed:
            self._expect(sent.ref, sent.to, sent.sent_at)
        self._is_up = True
        return None

    async def send(self, outgoing: Outgoing) -> Outcome:
        with self._under_way.one():
            await self._turn()
            if not self._is_up:
                return DeviceDown("The sandbox device is away.")
            if self._clock.boottime() >= outgoing.deadline:
                return TOO_LATE
            carried = await self._carrier.carry(outgoing)
        if carried.arrived and self._network.arrived.add(outgoing.provider_id):
            self._expect(outgoing.ref, outgoing.to, self._clock.now())
        if isinstance(carried.outcome, DeviceDown):
            self._is_up = False
        return carried.outcome

    async def events(self) -> AsyncIterator[DriverEvent]:
        while not self._is_closed:
            for event in self._receipts.due():
                yield event
            await self._receipts.wait()

    async def close(self) -> None:
        await self._under_way.ended()
        self._is_up = False
        self._is_closed = True
        self._receipts.wake()
        await self._carrier.close()

    async def _turn(self) -> None:
        """Wait for this message's place in the device's rate."""
        now = self._clock.monotonic()
        turn = max(now, self._next_turn)
        self._next_turn = turn + 1 / self._manner.rate
        if turn - now > SHORTEST_SLEEP:
            await asyncio.sleep(turn - now)

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
