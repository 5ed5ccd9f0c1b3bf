"""SQL of looking for messages that do not move, whoever's they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from waypost.kit.db import Tx
from waypost.messages.model import Class, Status
from waypost.messages.reference import reference
from waypost.messages.store_progress import Key
from waypost.queue.model import Reference

# On their way, and untouched for so long that no step of theirs is under way: past their deadline,
# or to be found in the queue.
_SUSPECT = """
       m.status = any($1::text[]) and m.updated_at < $2
   and (m.expires_at < $3 or m.status <> 'Scheduled' and not m.is_held)
"""

_COLUMNS = "m.account_id, m.id, m.class, m.recipient, m.expires_at < $3 as is_overdue"

# Cheap: everything that has waited for some minutes has an alarm.
NEXT = f"""
select {_COLUMNS}
  from (select account_id, message_id from alarms order by at limit $4) as a
  join messages m on m.account_id = a.account_id and m.id = a.message_id
 where {_SUSPECT}
"""

SINCE = f"select {_COLUMNS} from messages m where m.id >= $5 and {_SUSPECT} order by m.id limit $4"

STILL = f"""
select {_COLUMNS}
  from unnest($4::bigint[], $5::uuid[]) as wanted (account_id, id)
  join messages m on m.account_id = wanted.account_id and m.id = wanted.id
 where {_SUSPECT}
"""

# Nobody would ever look at these.
UNWATCHED = """
select m.account_id, m.id from messages m
 where m.id >= $1 and m.status = 'Scheduled' and not exists (
       select from alarms a where a.account_id = m.account_id and a.message_id = m.id)
 order by m.id limit $2
"""

ON_THEIR_WAY = [Status.SCHEDULED, Status.QUEUED, Status.SENDING]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A message that should be in the queue, or whose time to be sent is over."""

    account_id: int
    id: UUID
    about: Reference
    is_overdue: bool


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a suspect was not touched, and since when its deadline is over."""

    untouched: datetime
    overdue: datetime


async def next_due(tx: Tx, since: Since, most: int) -> list[Suspect]:
    """Suspects among the messages whose alarms are next."""
    return _suspects(await tx.fetch(NEXT, *_bounds(since), most))


async def from_id(tx: Tx, first: UUID, since: Since, most: int) -> list[Suspect]:
    """Suspects among all messages of this id and later ones; it reads all of these."""
    return _suspects(await tx.fetch(SINCE, *_bounds(since), most, first))


async def still(tx: Tx, keys: Sequence[Key], since: Since) -> list[Suspect]:
    """Which of these messages are suspects."""
    accounts, ids = [key[0] for key in keys], [key[1] for key in keys]
    return _suspects(await tx.fetch(STILL, *_bounds(since), accounts, ids))


async def unwatched(tx: Tx, first: UUID, most: int) -> list[Key]:
    """Scheduled messages of this id and later ones that nobody would queue."""
    return [(row[0], row[1]) for row in await tx.fetch(UNWATCHED, first, most)]


def _bounds(since: Since) -> tuple[list[Status], datetime, datetime]:
    return ON_THEIR_WAY, since.untouched, since.overdue


def _suspects(rows: Sequence[asyncpg.Record]) -> list[Suspect]:
    return [
        Suspect(
            row["account_id"],
            row["id"],
            reference(row["account_id"], Class(row["class"]), row["recipient"], row["id"]),
            row["is_overdue"],
        )
        for row in rows
    ]
