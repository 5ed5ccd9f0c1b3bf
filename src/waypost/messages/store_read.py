"""SQL of reading messages back. Every statement names the account."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at, ids_near
from waypost.messages.model import ID_SLACK, Class, Message, Status

COLUMNS = """
id, number, recipient, body, class as kind, pool_id, status, is_held, attempts, device_id,
template_id, batch_id, reference, error_code, error_message, created_at, updated_at, send_at,
expires_at, sent_at, delivered_at, read_at
"""

FIELDS = [field.name for field in fields(Message)]

ONE = f"select {COLUMNS} from messages where account_id = $1 and id = $2"

OWNER = "select account_id from messages where id = $1"

NUMBERS = "select total, dropped from message_counts where account_id = $1"

RANGE = f"""
select {COLUMNS} from messages
 where account_id = $1 and number > $2 and number <= $3 order by number desc
"""

# {where} is made of the fixed conditions below; every value is a parameter.
FILTERED = (
    "select "
    + COLUMNS
    + """ from messages
 where account_id = $1 and {where} order by number desc limit $2 offset $3
"""
)

# Of all accounts, for administrators.
NEWEST = (
    "select account_id, "
    + COLUMNS
    + """ from messages
 where {where} order by id desc limit $1
"""
)

COUNT = """
select count(*) from (
    select 1 from messages where account_id = $1 and {where} limit $2
) as counted
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages of an account are wanted; None does not narrow."""

    status: Status | None = None
    number: str | None = None
    batch_id: UUID | None = None
    reference: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self == Filter()


async def one(tx: Tx, account_id: int, id: UUID) -> Message | None:
    """The account's message of that id."""
    row = await tx.fetchrow(ONE, account_id, id)
    return None if row is None else _message(row)


async def owner(tx: Tx, id: UUID) -> int | None:
    """Whose message it is, for administrators."""
    account_id: int | None = await tx.fetchval(OWNER, id)
    return account_id


async def numbers(tx: Tx, account_id: int) -> tuple[int, int]:
    """The running numbers of the account's newest message, and of the last one that was dropped."""
    row = await tx.fetchrow(NUMBERS, account_id)
    return (0, 0) if row is None else (row["total"], row["dropped"])


async def between(tx: Tx, account_id: int, after: int, last: int) -> list[Message]:
    """Messages by running number: above `after`, up to `last`, newest first."""
    return [_message(row) for row in await tx.fetch(RANGE, account_id, after, last)]


async def filtered(
    tx: Tx, account_id: int, wanted: Filter, before: int | None, most: int, skip: int = 0
) -> list[Message]:
    """Newest first, from below the running number `before` on."""
    where, values = _where(wanted, before, first_place=4)
    rows = await tx.fetch(FILTERED.format(where=where), account_id, most, skip, *values)
    return [_message(row) for row in rows]


async def count(tx: Tx, account_id: int, wanted: Filter, most: int) -> int:
    """How many the filter finds, counted up to `most`."""
    where, values = _where(wanted, None, first_place=3)
    found: int = await tx.fetchval(COUNT.format(where=where), account_id, most, *values)
    return found


async def newest(
    tx: Tx, wanted: Filter, account_id: int | None, before: UUID | None, most: int
) -> list[tuple[int, Message]]:
    """Messages of every account (or of one), each with its account, newest first."""
    conditions = list(_conditions(wanted, None))
    if account_id is not None:
        conditions.append(("account_id = {}", account_id))
    if before is not None:
        conditions.append(("id < {}", before))
    where, values = _placed(conditions, first_place=2)
    rows = await tx.fetch(NEWEST.format(where=where), most, *values)
    return [(row["account_id"], _message(row)) for row in rows]


def _where(wanted: Filter, before: int | None, first_place: int) -> tuple[str, list[Any]]:
    return _placed(list(_conditions(wanted, before)), first_place)


def _placed(conditions: list[tuple[str, Any]], first_place: int) -> tuple[str, list[Any]]:
    places = range(first_place, first_place + len(conditions))
    texts = [text.format(f"${place}") for place, (text, _) in zip(places, conditions, strict=True)]
    return " and ".join(texts) or "true", [value for _, value in conditions]


def _conditions(wanted: Filter, before: int | None) -> Iterator[tuple[str, Any]]:
    """Bounds on ids keep to the partitions of the time that is asked for."""
    if wanted.status is not None:
        yield "status = {}", wanted.status
    if wanted.number is not None:
        yield "recipient = {}", wanted.number
    if wanted.batch_id is not None:
        yield "batch_id = {}", wanted.batch_id
        first, last = ids_near(wanted.batch_id, ID_SLACK)
        yield "id >= {}", first
        yield "id <= {}", last
    if wanted.reference is not None:
        yield "reference = {}", wanted.reference
    if wanted.since is not None:
        yield "created_at >= {}", wanted.since
        yield "id >= {}", first_id_at(wanted.since, -ID_SLACK)
    if wanted.until is not None:
        yield "created_at < {}", wanted.until
        yield "id < {}", first_id_at(wanted.until, ID_SLACK)
    if before is not None:
        yield "number < {}", before


def _message(row: asyncpg.Record) -> Message:
    values = {name: row[name] for name in FIELDS}
    return Message(**{**values, "kind": Class(row["kind"]), "status": Status(row["status"])})
