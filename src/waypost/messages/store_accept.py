"""SQL of accepting: messages and their running numbers; room for the months to come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
                      status, facts, created_at, updated_at, expires_at)
select m.account_id, m.id, counted.total - m.behind, m.class, m.recipient, m.body,
       m.template_id, m.pool_id, $3, 1, $4, $4, $5
  from unnest($6::bigint[], $7::uuid[], $8::bigint[], $9::text[], $10::text[], $11::text[],
              $12::bigint[], $13::bigint[])
    as m(account_id, id, behind, class, recipient, body, template_id, pool_id)
  join counted using (account_id)
"""

EXISTING = """
select id from messages
 where account_id = any($1::bigint[]) and id = any($2::uuid[]) and id >= $3 and id <= $4
"""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be accepted."""

    account_id: int
    id: UUID
    kind: Class
    recipient: str
    body: str
    template_id: int | None
    pool_id: int


async def insert(tx: Tx, drafts: Sequence[Draft], at: datetime, expires_at: datetime) -> None:
    """Add accepted messages; each gets the next running number of its account."""
    totals: dict[int, int] = {}
    for draft in drafts:
        totals[draft.account_id] = totals.get(draft.account_id, 0) + 1
    accounts = sorted(totals)
    await tx.execute(
        INSERT,
        accounts,
        [totals[account] for account in accounts],
        Status.QUEUED,
        at,
        expires_at,
        [d.account_id for d in drafts],
        [d.id for d in drafts],
        _behind(drafts, totals),
        [d.kind for d in drafts],
        [d.recipient for d in drafts],
        [d.body for d in drafts],
        [d.template_id for d in drafts],
        [d.pool_id for d in drafts],
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
