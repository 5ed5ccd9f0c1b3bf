"""Kept files: their owner's, and those that a batch of sends names."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from waypost.kit import files
from waypost.kit.db import Database, Tx
from waypost.kit.errors import Invalid
from waypost.media import store
from waypost.media.errors import NoSuchFile
from waypost.media.model import KEPT, File, Sendable

Key = tuple[int, UUID]
"""An account's id, and the id of one of its files."""


async def one(tx: Tx, account_id: int, media_id: str) -> File:
    """One of the account's files; another's, or none, is not found."""
    id = files.parse_id(media_id)
    file = None if id is None else await store.get(tx, account_id, id)
    if file is None:
        raise NoSuchFile
    return file


async def newest(
    tx: Tx, account_id: int, cursor: str | None, most: int
) -> tuple[Sequence[File], str | None]:
    """A page, newest first, and where to go on: the cursor is the id of the last one."""
    before = None if cursor is None else files.parse_id(cursor)
    if cursor is not None and before is None:
        raise Invalid.field("cursor", "is not one that this API gave")
    found = await store.page(tx, account_id, before, most + 1)
    page = found[:most]
    return page, files.show_id(page[-1].id) if len(found) > most else None


async def size_of_all(tx: Tx, account_id: int) -> int:
    """How many bytes the account's files have together."""
    return await store.size_of_all(tx, account_id)


async def chunks(db: Database, account_id: int, file: File) -> AsyncIterator[bytes]:
    """The file's bytes, in order; no connection is held while they are used.

    Raises NoSuchFile where it is deleted before the last one.
    """
    told = place = 0
    while told < file.size:
        async with db.read() as tx:
            piece = await store.piece(tx, account_id, file.id, place)
        if piece is None:
            raise NoSuchFile
        yield piece
        told, place = told + len(piece), place + 1


async def sendable(tx: Tx, wanted: Mapping[Key, datetime], now: datetime) -> Mapping[Key, Sendable]:
    """Those that exist and are the account's own; each is kept until its last send is over.

    So that a file in use costs no write for each send, it is kept for longer at once.
    """
    found = await store.sendable(tx, sorted(wanted), now)
    least = {key: max(wanted[key], now + KEPT / 2) for key in found}
    late = sorted(key for key, (_, keep_until) in found.items() if keep_until < least[key])
    gone: set[Key] = set()
    if late:
        untils = [max(wanted[key], now + KEPT) for key in late]
        gone = set(late) - await store.keep_longer(tx, late, untils)
    return {key: file for key, (file, _) in found.items() if key not in gone}
