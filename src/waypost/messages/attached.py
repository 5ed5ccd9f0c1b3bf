"""A file that a send names, and what is known of it once it was looked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from waypost.drivers.outgoing import Media, MediaKind
from waypost.kit.errors import Invalid
from waypost.media.find import Key
from waypost.media.model import Sendable

MAX_CAPTION = 1024
"""Most characters of the text beside a file."""

NOT_KEPT = "is not a file that you keep here"


@dataclass(frozen=True, slots=True)
class Attached:
    """A file as a send names it: at a link, or kept under `media_id`.

    `kind` is left out only with `media_id`: the file is then shown as what it was kept as.
    """

    kind: MediaKind | None
    link: str | None = None
    media_id: UUID | None = None
    filename: str | None = None


def key(account_id: int, file: Attached | Media | None) -> Key | None:
    """By what the file is looked for; None where it is not one that we keep."""
    return None if file is None or file.media_id is None else (account_id, file.media_id)


def media(account_id: int, file: Attached | Media, kept: Mapping[Key, Sendable]) -> Media:
    """The file as a message carries it; refused where the account keeps no such one.

    Any file may be shown as a document; else it is shown as what it was kept as.
    """
    wanted, filename = file.kind, file.filename
    if (place := key(account_id, file)) is not None:
        was = kept.get(place)
        if was is None:
            raise Invalid.field("media.media_id", NOT_KEPT)
        wanted, filename = wanted or was.kind, filename or was.filename
        if wanted not in (was.kind, MediaKind.DOCUMENT):
            raise Invalid.field("media.type", f"is {wanted}, and the file was kept as {was.kind}")
    if wanted is None:
        raise Invalid.field("media.type", "is required with url")
    return Media(wanted, file.link, file.media_id, filename)


def caption_problem(kind: MediaKind, text: str) -> str | None:
    """Why a text cannot stand beside such a file; None where it can."""
    if text and kind is MediaKind.AUDIO:
        return "cannot be given: audio has no caption"
    if len(text) > MAX_CAPTION:
        return f"has {len(text)} characters; {MAX_CAPTION} is the most"
    return None
