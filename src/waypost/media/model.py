"""A kept file, and how large each kind may be."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.drivers.outgoing import MediaKind

_MEGABYTE = 1 << 20

MOST_BYTES = {
    MediaKind.IMAGE: 5 * _MEGABYTE,
    MediaKind.AUDIO: 16 * _MEGABYTE,
    MediaKind.VIDEO: 16 * _MEGABYTE,
    MediaKind.DOCUMENT: 100 * _MEGABYTE,
}
"""What WhatsApp takes."""

KEPT = timedelta(days=90)
"""How long a file is kept after it came, or was last named by a send."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that an account keeps; `size` in bytes."""

    id: UUID
    kind: MediaKind
    mime: str
    filename: str
    size: int
    sha256: bytes
    created_at: datetime
    keep_until: datetime


@dataclass(frozen=True, slots=True)
class Sendable:
    """What a send needs of a kept file."""

    kind: MediaKind
    filename: str
