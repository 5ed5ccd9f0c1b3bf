"""The simulated network: what becomes of a message is decided by its number, see `fates`."""

import asyncio
from dataclasses import dataclass

from waypost.drivers.carrier import Carried
from waypost.drivers.fates import Fate, fate_of
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import Accepted, DeviceDown, Outcome, Retry, Unknown
from waypost.kit.clock import Clock

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Delays:
    """How long a slow message takes, and how long a dropped device is away, in seconds."""

    slow: float = 3.0
    away: float = 1.0


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
    """What the sandbox devices of a process have in common: which messages passed."""

    def __init__(self) -> None:
        self.arrived = Recent()
        self.dropped = Recent()


class Simulation:
    """One device's way into the simulated network."""

    def __init__(self, network: Network, delays: Delays, clock: Clock) -> None:
        self._network = network
        self._delays = delays
        self._clock = clock
        self._back_at = 0.0

    async def open(self) -> DeviceDown | None:
        if self._is_away():
            return DeviceDown("The simulated device is away for a moment.")
        return None

    async def carry(self, outgoing: Outgoing) -> Carried:
        fate = fate_of(outgoing.to)
        if fate.slow:
            await asyncio.sleep(self._delays.slow)
        outcome = self._outcome(outgoing, fate)
        return Carried(outcome, isinstance(outcome, Accepted | Unknown))

    async def close(self) -> None:
        """There is nothing to close."""

    def _outcome(self, outgoing: Outgoing, fate: Fate) -> Outcome:
        if self._is_away():
            return DeviceDown("The simulated device is away.")
        if fate.drops and self._network.dropped.add(outgoing.provider_id):
            self._back_at = self._clock.monotonic() + self._delays.away
            return DeviceDown("The simulated device dropped, as this number asks.")
        if outgoing.attempt <= fate.faults:
            return Retry("TRANSPORT_FAULT", "The simulated network had a passing fault.")
        if fate.refused is not None:
            return fate.refused
        if outgoing.attempt <= fate.lost_answers:
            return Unknown("The answer was lost, as this number asks.")
        return Accepted(outgoing.provider_id)

    def _is_away(self) -> bool:
        return self._clock.monotonic() < self._back_at
