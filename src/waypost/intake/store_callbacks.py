"""SQL of providers' calls until they are worked off, and of what stays of them unexplained."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from waypost.kit.db import Tx

KEEP = """
insert into callbacks (device_id, body, received_at, due_at, attempts, trouble)
select * from unnest($1::bigint[], $2::bytea[], $3::timestamptz[], $4::timestamptz[],
                     $5::integer[], $6::text[])
"""

# Up to so many, and no more bodies once they come to so many bytes together.
TAKE = """
with due as materialized (
    select id, due_at, octet_length(body) as size from callbacks
     where due_at <= $1 order by due_at, id limit $2 for update skip locked
), counted as (
    select id, sum(size) over (order by due_at, id) - size as before from due
)
select c.id, c.device_id, c.body, c.received_at, c.due_at, c.attempts, c.trouble
  from counted join callbacks c using (id)
 where counted.before < $3 order by c.due_at, c.id
"""

DROP = "delete from callbacks where id = any($1::bigint[])"

PUT_OFF = """
update callbacks set due_at = $2, attempts = attempts + 1, trouble = $3 where id = $1
"""

NOTICE = """
insert into provider_notices (device_id, field, value, at)
select * from unnest($1::bigint[], $2::text[], $3::jsonb[], $4::timestamptz[])
"""

PRUNE = """
delete from provider_notices
 where id in (select id from provider_notices where at < $1 order by id limit $2)
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A provider's call, or what is left of one; `attempts` at it that came to nothing."""

    device_id: int
    body: bytes
    received_at: datetime
    due_at: datetime
    attempts: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A call as it is kept; nobody else works on it before the transaction ends."""

    id: int
    call: Call


@dataclass(frozen=True, slots=True)
class Unexplained:
    """What a provider told and nobody here knows what to do with."""

    device_id: int
    field: str
    value: Mapping[str, object]
    at: datetime


async def keep(tx: Tx, calls: Sequence[Call]) -> None:
    """Keep them until they are worked off."""
    if not calls:
        return
    await tx.execute(
        KEEP,
        [c.device_id for c in calls],
        [c.body for c in calls],
        [c.received_at for c in calls],
        [c.due_at for c in calls],
        [c.attempts for c in calls],
        [c.trouble for c in calls],
    )


async def take(tx: Tx, now: datetime, most: int, most_bytes: int) -> list[Kept]:
    """The next ones that are due and that nobody else works on: at least one, if there is any."""
    rows = [dict(row) for row in await tx.fetch(TAKE, now, most, most_bytes)]
    return [Kept(row.pop("id"), Call(**row)) for row in rows]


async def drop(tx: Tx, ids: Sequence[int]) -> None:
    """They are worked off."""
    await tx.execute(DROP, ids)


async def put_off(tx: Tx, id: int, until: datetime, trouble: str) -> None:
    """It could not be worked off: again then."""
    await tx.execute(PUT_OFF, id, until, trouble)


async def notice(tx: Tx, notices: Sequence[Unexplained]) -> None:
    """Keep these for whoever looks."""
    if not notices:
        return
    await tx.execute(
        NOTICE,
        [n.device_id for n in notices],
        [n.field for n in notices],
        [json.dumps(n.value) for n in notices],
        [n.at for n in notices],
    )


async def prune(tx: Tx, before: datetime, most: int) -> int:
    """Forget so many notices that are older; returns how many went."""
    gone: str = await tx.execute(PRUNE, before, most)
    return int(gone.removeprefix("DELETE "))
