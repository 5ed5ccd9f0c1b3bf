"""SQL of accepting: messages, their running numbers, batches; room for the months to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.kit.db import Tx
from waypost.kit.months import Month, partition_sql
from waypost.messages.model import Class, Status

INSERT = """
with counted as (
    insert into message_counts as c (account_id, total)
    select * from unnest($1::bigint[], $2::bigint[])
    on conflict (account_id) do update set total = c.total + excluded.total
    returning account_id, total
)
insert into messages (account_id, id, number, class, recipient, body, template_id, pool_id,
                      batch_id, reference, wanted_device_id, send_at, status, expires_at,
                      content, facts, created_at, updated_at)
select m.account_id, m.id, counted.total - m.behind, m.class, m.recipient, m.body, m.template_id,
       m.pool_id, m.batch_id, m.reference, m.wanted_device_id, m.send_at, m.status, m.expires_at,
       m.content, 1, $3, $3
  from unnest($4::bigint[], $5::uuid[], $6::bigint[], $7::text[], $8::text[], $9::text[],
              $10::bigint[], $11::bigint[], $12::uuid[], $13::text[], $14::bigint[],
              $15::timestamptz[], $16::text[], $17::timestamptz[], $18::jsonb[])
    as m(account_id, id, behind, class, recipient, body, template_id, pool_id, batch_id, reference,
         wanted_device_id, send_at, status, expires_at, content)
  join counted using (account_id)
"""

INSERT_BATCHES = """
insert into batches (account_id, id, state, total, reference, clock_before, clock_after, created_at)
select b.account_id, b.id, 'running', b.total, b.reference, b.clock_before, b.clock_after, $1
  from unnest($2::bigint[], $3::uuid[], $4::integer[], $5::text[], $6::bigint[], $7::bigint[])
    as b(account_id, id, total, reference, clock_before, clock_after)
"""

EXISTING = """
select id from messages
 where account_id = any($1::bigint[]) and id = any($2::uuid[]) and id >= $3 and id <= $4
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be accepted. `lifetime` counts from `send_at`, where there is one.

    `content` is what it carries beside its text, as the row keeps it.
    """

    account_id: int
    id: UUID
    kind: Class
    recipient: str
    body: str
    template_id: int | None
    pool_id: int
    batch_id: UUID | None
    reference: str | None
    wanted_device_id: int | None
    send_at: datetime | None
    lifetime: timedelta
    content: str | None = None

    @property
    def status(self) -> Status:
        return Status.QUEUED if self.send_at is None else Status.SCHEDULED

    def expires_at(self, accepted_at: datetime) -> datetime:
        return (self.send_at or accepted_at) + self.lifetime


@dataclass(frozen=True, slots=True)
class BatchDraft:
    """A bulk about to be accepted; its flow's clock before and after it, where that is known."""

    account_id: int
    id: UUID
    total: int
    reference: str | None
    clock_before: int | None
    clock_after: int | None


async def insert(tx: Tx, drafts: Sequence[Draft], at: datetime) -> None:
    """Add accepted messages; each gets the next running number of its account."""
    totals: dict[int, int] = {}
    for draft in drafts:
        totals[draft.account_id] = totals.get(draft.account_id, 0) + 1
    accounts = sorted(totals)
    await tx.execute(
        INSERT,
        accounts,
        [totals[account] for account in accounts],
        at,
        [d.account_id for d in drafts],
        [d.id for d in drafts],
        _behind(drafts, totals),
        [d.kind for d in drafts],
        [d.recipient for d in drafts],
        [d.body for d in drafts],
        [d.template_id for d in drafts],
        [d.pool_id for d in drafts],
        [d.batch_id for d in drafts],
        [d.reference for d in drafts],
        [d.wanted_device_id for d in drafts],
        [d.send_at for d in drafts],
        [d.status for d in drafts],
        [d.expires_at(at) for d in drafts],
        [d.content for d in drafts],
    )


async def insert_batches(tx: Tx, batches: Sequence[BatchDraft], at: datetime) -> None:
    """Add accepted bulks."""
    await tx.execute(
        INSERT_BATCHES,
        at,
        [b.account_id for b in batches],
        [b.id for b in batches],
        [b.total for b in batches],
        [b.reference for b in batches],
        [b.clock_before for b in batches],
        [b.clock_after for b in batches],
    )


def _behind(drafts: Sequence[Draft], totals: dict[int, int]) -> list[int]:
    """How many of the same account follow each draft."""
    left = dict(totals)
    behind = []
    for draft in drafts:
        left[draft.account_id] -= 1
        behind.append(left[draft.account_id])
    return behind


async def existing(tx: Tx, accounts: Sequence[int], ids: Sequence[UUID]) -> set[UUID]:
    """Which of these messages are there."""
    rows = await tx.fetch(EXISTING, accounts, ids, min(ids), max(ids))
    return {row["id"] for row in rows}


async def make_partition(tx: Tx, month: Month) -> None:
    """Make room for a month."""
    # Half of each page is left for the four updates that follow a message to its end: measured at
    # 2.5 times the updates a second, and half the space in the end.
    await tx.execute(partition_sql("messages", month, fill=50))
