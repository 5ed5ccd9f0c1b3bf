"""SQL of what takes messages out of the queue's way, and puts them back."""

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

# Whatever is complete stays so, as far as the queue is concerned.
WAITING = """
select m.account_id, m.id, m.number, m.class, m.recipient, m.pool_id, m.send_at, m.expires_at
  from unnest($1::bigint[], $2::uuid[]) as wanted (account_id, id)
  join messages m on m.account_id = wanted.account_id and m.id = wanted.id
 where m.status = any($3::text[])
"""

HOLD = """
update messages m set is_held = $3
  from unnest($1::bigint[], $2::uuid[]) as t(account_id, id)
 where m.account_id = t.account_id and m.id = t.id
"""

MOVE = """
update messages m set pool_id = t.pool_id
  from unnest($1::bigint[], $2::uuid[], $3::bigint[]) as t(account_id, id, pool_id)
 where m.account_id = t.account_id and m.id = t.id
"""

ON_THEIR_WAY = [Status.SCHEDULED, Status.QUEUED, Status.SENDING]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What does not change about a message that waits; `pool_id` does, when it is queued anew."""

    account_id: int
    id: UUID
    number: int
    kind: Class
    recipient: str
    pool_id: int
    send_at: datetime | None
    expires_at: datetime

    @property
    def key(self) -> Key:
        return self.account_id, self.id

    @property
    def about(self) -> Reference:
        """The message as the queue knows it."""
        return reference(self.account_id, self.kind, self.recipient, self.id)


async def waiting(tx: Tx, keys: Sequence[Key]) -> list[Waiting]:
    """Those of these messages that are still to be sent, without locks."""
    rows = await tx.fetch(WAITING, *_columns(keys), ON_THEIR_WAY)
    return [_waiting(row) for row in rows]


async def hold(tx: Tx, keys: Sequence[Key], *, is_held: bool) -> None:
    """Keep these messages, which are locked, from being sent; or let them go."""
    await tx.execute(HOLD, *_columns(keys), is_held)


async def move(tx: Tx, keys: Sequence[Key], pool_ids: Sequence[int]) -> None:
    """Let these messages, which are locked, go through these pools."""
    await tx.execute(MOVE, *_columns(keys), pool_ids)


def _waiting(row: asyncpg.Record) -> Waiting:
    values = dict(row)
    return Waiting(kind=Class(values.pop("class")), **values)


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[UUID]]:
    return [account_id for account_id, _ in keys], [id for _, id in keys]
