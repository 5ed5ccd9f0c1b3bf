"""What takes a sandbox device's messages away: a simulation, or a real wire."""

from dataclasses import dataclass
from typing import Protocol

from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import DeviceDown, Outcome


@dataclass(frozen=True, slots=True)
class Carried:
    """How a send went, and whether its receipts are to follow: an answer may be lost alone."""

    outcome: Outcome
    arrived: bool


class Carrier(Protocol):
    """One device's way out."""

    async def open(self) -> DeviceDown | None:
        """Make ready to carry; it is opened again after each drop."""

    async def carry(self, outgoing: Outgoing) -> Carried:
        """Take one message; never raises for what a network can do."""

    async def close(self) -> None:
        """Nothing more comes."""
