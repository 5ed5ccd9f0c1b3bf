"""SQL of bulks as a whole: how far they are, and what was decided about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg

from waypost.kit.db import Tx
from waypost.kit.ids import ids_near
from waypost.messages.model import ID_SLACK, Status

_BATCH = """
select id, state, total, reference, clock_before, clock_after, created_at
  from batches where account_id = $1 and id = $2
"""

ONE = _BATCH

LOCK = _BATCH + " for no key update"

# Bounds on ids keep to the partitions of its time.
MESSAGES = """
select id from messages
 where account_id = $1 and batch_id = $2 and id >= $3 and id <= $4 order by id
"""

COUNTS = """
select status, status = 'Uncertain' and expires_at <= $5 as is_over, count(*) as messages
  from messages where account_id = $1 and batch_id = $2 and id >= $3 and id <= $4
 group by 1, 2
"""

DECIDE = """
update batches set state = $3, clock_before = $4, clock_after = $5
 where account_id = $1 and id = $2
"""

Clocks = tuple[int, int] | tuple[None, None]
"""Its flow's clock before and after its messages were queued."""

NO_CLOCKS = None, None
"""It is not in the queue, or nobody can tell whose part of the clock's way was its own."""

Counts = Mapping[tuple[Status, bool], int]


class State(StrEnum):
    """What was decided about a batch."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages of one bulk."""

    id: UUID
    state: State
    total: int
    reference: str | None
    clocks: Clocks
    created_at: datetime


async def one(tx: Tx, account_id: int, id: UUID) -> Batch | None:
    """The account's batch of that id."""
    return _batch(await tx.fetchrow(ONE, account_id, id))


async def lock(tx: Tx, account_id: int, id: UUID) -> Batch | None:
    """The account's batch, about which nobody else decides until the transaction ends."""
    return _batch(await tx.fetchrow(LOCK, account_id, id))


async def messages(tx: Tx, account_id: int, id: UUID) -> list[UUID]:
    """The batch's messages, in the order in which they were accepted."""
    rows = await tx.fetch(MESSAGES, account_id, id, *ids_near(id, ID_SLACK))
    return [row["id"] for row in rows]


async def counts(tx: Tx, account_id: int, id: UUID, now: datetime) -> Counts:
    """How many of its messages have each status, and whether their time to be sent is over."""
    rows = await tx.fetch(COUNTS, account_id, id, *ids_near(id, ID_SLACK), now)
    return {(Status(row["status"]), row["is_over"]): row["messages"] for row in rows}


async def decide(tx: Tx, account_id: int, batch: Batch) -> None:
    """Note what was decided about the batch, which is locked."""
    await tx.execute(DECIDE, account_id, batch.id, batch.state, *batch.clocks)


def _batch(row: asyncpg.Record | None) -> Batch | None:
    if row is None:
        return None
    clocks = row["clock_before"], row["clock_after"]
    return Batch(
        row["id"], State(row["state"]), row["total"], row["reference"], clocks, row["created_at"]
    )
