"""The door to a transport: its verbs, and what each send may come to."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from waypost.drivers.news import DriverEvent, InboundMedia, Stop
from waypost.drivers.outgoing import Media, Outgoing, Ref


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
    """It did not go, but may later; `after` is the transport's own wish, if it has one.

    `counts`: it is an attempt of the message, not the fault of something else. After so many
    `tries` it has failed for good; None: as long as it may wait. `slows`: the device is to write
    more slowly.
    """

    code: str
    message: str
    after: timedelta | None = None
    counts: bool = True
    tries: int | None = None
    slows: bool = False


@dataclass(frozen=True, slots=True)
class DeviceDown:
    """It did not go because the device cannot send now; the message is not to blame.

    `after` is how long the device is at least to rest before it tries to connect again.
    """

    reason: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have left: the answer never came, or could not be understood."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It never came to the wire: who was to send it was no longer allowed to."""

    reason: str


Outcome = Accepted | Refused | Retry | DeviceDown | Unknown | NotSent


TOO_LATE = NotSent("Its worker was too late: by then another one might carry the pool.")


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that we keep, to be given to a provider; `chunks` are its bytes, in order."""

    mime: str
    filename: str
    size: int
    chunks: AsyncIterator[bytes]


class Shelf(Protocol):
    """The files that accounts keep with us, as one device sees them."""

    async def provider_id(self, ref: Ref, media: Media) -> str | None:
        """Under which id the provider has it from this device, while that is still good."""

    async def open(self, ref: Ref, media: Media) -> KeptFile | None:
        """The file; None where it is kept no more."""

    async def note(self, ref: Ref, media: Media, provider_id: str) -> None:
        """This device has given it to the provider."""

    async def forget(self, ref: Ref, media: Media, provider_id: str) -> bool:
        """The provider takes this id no more, it seems; whether another one may help, which it
        does not where this one is of just now."""


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


@runtime_checkable
class HeedsStops(Protocol):
    """What a driver can do besides, whose provider tells by callbacks too what has stopped."""

    def heed(self, stops: Sequence[Stop]) -> DeviceDown | None:
        """Try none of it until its time is over, each once; why the device as a whole is down."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file came whole: what it is, and how many bytes."""

    mime: str
    size: int


@runtime_checkable
class FetchesMedia(Protocol):
    """What a driver can do besides, whose provider keeps the files that people send us."""

    async def fetch(
        self, media: InboundMedia, into: Callable[[bytes], Awaitable[None]]
    ) -> Fetched | Refused | Retry:
        """Give the file's bytes to `into`, in order; only after `Fetched` are they all of it.

        `Refused`: it can never be had.
        """
