"""Keep a file: once for each account and content."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from os import SEEK_END
from typing import IO

from waypost.drivers.outgoing import MediaKind
from waypost.kit.db import Tx
from waypost.kit.errors import Invalid
from waypost.kit.ids import Ids
from waypost.media import store
from waypost.media.errors import NoRoom
from waypost.media.model import KEPT, File
from waypost.media.recognise import HEAD, cleaned, recognised, usual_name

PIECE = 1 << 18
"""So many bytes of a file are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A file that is not kept yet; `content` is open, and its bytes stay where they are."""

    kind: MediaKind
    mime: str
    filename: str
    size: int
    sha256: bytes
    content: IO[bytes]


async def examine(
    content: IO[bytes], said: str | None, filename: str | None, wanted: MediaKind | None
) -> Loose:
    """What the file is; refused where it is nothing that can be sent."""
    size = content.seek(0, SEEK_END)
    content.seek(0)
    name = cleaned(filename)
    kind, mime = recognised(content.read(HEAD), size, said, name, wanted)
    content.seek(0)
    # In a thread, as a second of it would be everybody's.
    sha256 = await asyncio.to_thread(_digest, content)
    return Loose(kind, mime, name or usual_name(kind, mime), size, sha256, content)


async def examine_anything(content: IO[bytes], said: str, filename: str | None) -> Loose:
    """What a file is that somebody sent us; what cannot be shown otherwise is a document."""
    try:
        return await examine(content, said, filename, None)
    except Invalid:
        return await examine(content, said, filename, MediaKind.DOCUMENT)


async def keep(tx: Tx, account_id: int, loose: Loose, ids: Ids, now: datetime, most: int) -> File:
    """Keep it, or keep the one that is the same for longer; raises NoRoom where all files of the
    account would have more than `most` bytes.

    What others keep for it meanwhile is not seen before they commit. So the room is looked at once
    more at the end, one after another, and nobody waits while a file is written.
    """
    kind, mime, filename, size = loose.kind, loose.mime, loose.filename, loose.size
    draft = File(ids.new(), kind, mime, filename, size, loose.sha256, now, now + KEPT)
    file, is_new = await store.insert(tx, account_id, draft)
    if is_new:
        await _look_for_room(tx, account_id, most)
        await _fill(tx, account_id, file, loose.content)
        await store.take_turn(tx, account_id)
        await _look_for_room(tx, account_id, most)
    return file


async def _look_for_room(tx: Tx, account_id: int, most: int) -> None:
    if await store.size_of_all(tx, account_id) > most:
        raise NoRoom(most)


def _digest(content: IO[bytes]) -> bytes:
    digest = hashlib.sha256()
    while piece := content.read(PIECE):
        digest.update(piece)
    return digest.digest()


async def _fill(tx: Tx, account_id: int, file: File, content: IO[bytes]) -> None:
    content.seek(0)
    place = 0
    while piece := content.read(PIECE):
        await store.add_piece(tx, account_id, file.id, place, piece)
        place += 1
