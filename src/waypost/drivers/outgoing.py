"""What a transport is given to send: a message, its file, what fills its template."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf
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
