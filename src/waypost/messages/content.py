"""What a message carries beside its text, and how its row keeps that."""

import msgspec

from waypost.drivers.outgoing import Approved, Media


class Carried(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file, or an approved template (which brings its own file), or neither."""

    media: Media | None = None
    approved: Approved | None = None


NOTHING = Carried()
_reader = msgspec.json.Decoder(Carried)


def kept(carried: Carried) -> str | None:
    """As the row keeps it; None for a plain text."""
    return None if carried == NOTHING else msgspec.json.encode(carried).decode()


def carried(kept: str | None) -> Carried:
    """What the row keeps."""
    return NOTHING if kept is None else _reader.decode(kept)
