"""The vocabulary of devices: what a transport is given, what it answers, what it tells later."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf
from typing import Protocol, runtime_checkable
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Ref:
    """Which message: it travels with a send and comes back with every receipt.

    `mark` tells which of its times on the wire is meant; 0 where the news does not say.
    """

    account_id: int
    message_id: UUID
    mark: int = 0


class MediaKind(StrEnum):
    """What a file is shown as."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Media:
    """A file of a message: at a link that the provider fetches, or kept by us under `media_id`.

    One of the two is set. The message's text is its caption.
    """

    kind: MediaKind
    link: str | None = None
    media_id: UUID | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """What fills a place of an approved template; `name` where its places have names."""

    text: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ButtonParameter:
    """What fills a button of an approved template: `url`, `quick_reply` or `copy_code`."""

    index: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Approved:
    """A template that the provider approved, and what fills its places in this message."""

    name: str
    language: str
    header: tuple[Parameter, ...] = ()
    header_media: Media | None = None
    body: tuple[Parameter, ...] = ()
    buttons: tuple[ButtonParameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way out. `to` is digits only; `provider_id` is chosen by us.

    A transport that knows approved templates sends `approved` where it is set, all others the
    text. From `Clock.boottime()` = `deadline` on it must not go: another worker may carry it by
    then.
    """

    ref: Ref
    to: str
    text: str
    provider_id: str
    attempt: int
    deadline: float = inf
    media: Media | None = None
    approved: Approved | None = None


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
class Left:
    """The transport has it: proof that it left, under this id of the provider's."""

    ref: Ref
    at: datetime
    provider_id: str


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


Receipt = Left | Delivered | Read | Failed


@dataclass(frozen=True, slots=True)
class InboundMedia:
    """A file that somebody sent us, still at the provider; `sha256` as the provider tells it."""

    provider_media_id: str
    kind: str
    mime: str
    sha256: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """What somebody wrote to a device. `sender` is digits only, where the sender has a number.

    `content` is all that the provider told, as JSON; `reply_to` the provider's id of the message
    that it answers.
    """

    device_id: int
    provider_id: str
    sender: str | None
    sender_id: str | None
    kind: str
    text: str | None
    at: datetime
    content: Mapping[str, object]
    media: InboundMedia | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class NumberNews:
    """What the provider says of a device's number, as it is shown to its owner."""

    device_id: int
    at: datetime
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ApprovedTemplate:
    """A template as the provider has it; `components` in the provider's own JSON."""

    id: str
    name: str
    language: str
    status: str
    category: str | None = None
    format: str | None = None
    components: Sequence[Mapping[str, object]] = ()
    quality: str | None = None


@dataclass(frozen=True, slots=True)
class TemplatesNews:
    """All templates of a business account, as the provider lists them."""

    business_account_id: str
    at: datetime
    templates: Sequence[ApprovedTemplate]


@dataclass(frozen=True, slots=True)
class TemplateNews:
    """What became of one template; what is None has not changed."""

    business_account_id: str
    at: datetime
    name: str
    language: str
    status: str | None = None
    category: str | None = None
    quality: str | None = None
    reason: str | None = None


DriverEvent = Receipt | Inbound | NumberNews | TemplatesNews | TemplateNews


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
