"""SQL of kept files."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from waypost.drivers.outgoing import MediaKind
from waypost.kit.db import Tx
from waypost.media.model import File, Sendable

Key = tuple[int, UUID]

_COLUMNS = "id, kind, mime, filename, size, sha256, created_at, keep_until"

# Who keeps the same again waits for the first to commit, and finds it. A row that this statement
# made has no earlier version of itself to lock.
INSERT = f"""
insert into media as m (account_id, {_COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (account_id, sha256, kind, mime, filename) do update
   set keep_until = greatest(m.keep_until, excluded.keep_until)
returning {_COLUMNS}, xmax = 0 as is_new
"""

ADD_PIECE = "insert into media_pieces (account_id, media_id, place, bytes) values ($1, $2, $3, $4)"

# Of two accounts that have the same key one waits a little, and no harm is done.
TAKE_TURN = "select pg_advisory_xact_lock($1, hashint8($2))"
TURN = 0x57706D64  # "Wpmd"

SIZE_OF_ALL = "select coalesce(sum(size), 0)::bigint from media where account_id = $1"

GET = f"select {_COLUMNS} from media where account_id = $1 and id = $2"

PAGE = f"""
select {_COLUMNS} from media where account_id = $1 and id < $2 order by id desc limit $3
"""

PIECE = "select bytes from media_pieces where account_id = $1 and media_id = $2 and place = $3"

DELETE = "delete from media where account_id = $1 and id = $2 returning id"

# What may be dropped is not among them: who keeps it longer would wait until it is, and hold up
# everybody whose sends share its commit.
SENDABLE = """
select account_id, id, kind, filename, keep_until
  from unnest($1::bigint[], $2::uuid[]) as wanted (account_id, id)
  join media using (account_id, id)
 where keep_until >= $3
"""

KEEP_LONGER = """
with found as materialized (
    select m.account_id, m.id, wanted.until
      from unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) as wanted (account_id, id, until)
      join media m using (account_id, id)
     order by m.account_id, m.id for no key update of m
)
update media m set keep_until = greatest(m.keep_until, found.until)
  from found where m.account_id = found.account_id and m.id = found.id
returning m.account_id, m.id
"""

PRUNE = """
delete from media m
 using (select account_id, id from media where keep_until < $1
         order by keep_until limit $2 for update skip locked) as old
 where m.account_id = old.account_id and m.id = old.id
"""

LAST = UUID(int=2**128 - 1)


async def insert(tx: Tx, account_id: int, file: File) -> tuple[File, bool]:
    """Keep a file, whose bytes are still to come; or the one that is the same, and False."""
    row = await tx.fetchrow(
        INSERT,
        account_id,
        file.id,
        file.kind,
        file.mime,
        file.filename,
        file.size,
        file.sha256,
        file.created_at,
        file.keep_until,
    )
    assert row is not None
    return _file(row), row["is_new"]


async def add_piece(tx: Tx, account_id: int, id: UUID, place: int, bytes: bytes) -> None:
    """Some of a file's bytes; places count from 0."""
    await tx.execute(ADD_PIECE, account_id, id, place, bytes)


async def take_turn(tx: Tx, account_id: int) -> None:
    """Until the transaction ends nobody else gets past this for the account."""
    await tx.execute(TAKE_TURN, TURN, account_id)


async def size_of_all(tx: Tx, account_id: int) -> int:
    """How many bytes all files of the account have."""
    size: int = await tx.fetchval(SIZE_OF_ALL, account_id)
    return size


async def get(tx: Tx, account_id: int, id: UUID) -> File | None:
    """One of the account's files."""
    row = await tx.fetchrow(GET, account_id, id)
    return None if row is None else _file(row)


async def page(tx: Tx, account_id: int, before: UUID | None, most: int) -> list[File]:
    """The account's files, newest first, from below this id on."""
    return [_file(row) for row in await tx.fetch(PAGE, account_id, before or LAST, most)]


async def piece(tx: Tx, account_id: int, id: UUID, place: int) -> bytes | None:
    """The bytes at a place; None where they are gone."""
    found: bytes | None = await tx.fetchval(PIECE, account_id, id, place)
    return found


async def delete(tx: Tx, account_id: int, id: UUID) -> bool:
    """Forget a file; says whether there was one."""
    return await tx.fetchval(DELETE, account_id, id) is not None


async def sendable(
    tx: Tx, keys: Sequence[Key], now: datetime
) -> dict[Key, tuple[Sendable, datetime]]:
    """Of those whose time is not over, what a send needs, and until when they are kept."""
    ids = [id for _, id in keys]
    rows = await tx.fetch(SENDABLE, [account for account, _ in keys], ids, now)
    return {
        (account_id, id): (Sendable(MediaKind(kind), filename), keep_until)
        for account_id, id, kind, filename, keep_until in rows
    }


async def keep_longer(tx: Tx, keys: Sequence[Key], untils: Sequence[datetime]) -> set[Key]:
    """Keep each until then at least; returns those that are still there."""
    ids = [id for _, id in keys]
    rows = await tx.fetch(KEEP_LONGER, [account for account, _ in keys], ids, untils)
    return {(row["account_id"], row["id"]) for row in rows}


async def prune(tx: Tx, now: datetime, most: int) -> int:
    """Forget up to so many files whose time is over; returns how many."""
    status = await tx.execute(PRUNE, now, most)
    return int(status.rpartition(" ")[2])


def _file(row: asyncpg.Record) -> File:
    return File(
        row["id"],
        MediaKind(row["kind"]),
        row["mime"],
        row["filename"],
        row["size"],
        row["sha256"],
        row["created_at"],
        row["keep_until"],
    )
