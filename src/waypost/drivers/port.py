"""The vocabulary of devices: what a transport is given, what it answers, what it tells later."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Ref:
    """Which message: it travels with a send and comes back with every receipt."""

    account_id: int
    message_id: UUID


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way out. `to` is digits only; `provider_id` is chosen by us."""

    ref: Ref
    to: str
    text: str
    provider_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The transport has it."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never go: a stable code and a sentence for the customer."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not go, but may later; `after` is the transport's own wish, if it has one."""

    code: str
    message: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class DeviceDown:
    """It did not go because the device cannot send now; the message is not to blame."""

    reason: str


Outcome = Accepted | Refused | Retry | DeviceDown


@dataclass(frozen=True, slots=True)
class Delivered:
    """It reached the recipient's phone."""

    ref: Ref
    at: datetime


@dataclass(frozen=True, slots=True)
class Read:
    """The recipient opened it."""

    ref: Ref
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """The transport took it, and says later that it did not arrive."""

    ref: Ref
    at: datetime
    code: str
    message: str


DriverEvent = Delivered | Read | Failed


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A message sent before a restart whose receipts are still to come."""

    ref: Ref
    to: str
    sent_at: datetime


class Driver(Protocol):
    """One device's connection."""

    # Whether the transport drops a second message with the same provider id, so that one whose
    # answer was lost in a crash may be sent again.
    deduplicates: bool

    async def connect(self, unconfirmed: list[Unconfirmed]) -> DeviceDown | None:
        """Open the connection; the transport's own network keeps receipts for what was sent before.

        `unconfirmed` is for the simulated network alone, which forgets with its process.
        """

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one message; never raises for what a network can do."""

    def events(self) -> AsyncIterator[DriverEvent]:
        """What the device tells, until closed."""

    async def close(self) -> None:
        """Close the connection; sends under way get their outcome first."""
