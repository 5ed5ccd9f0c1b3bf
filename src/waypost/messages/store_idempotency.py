"""SQL of requests that may come again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from waypost.kit.db import Tx
from waypost.messages.submission import Key

FIND = """
select i.account_id, i.key, i.fingerprint, i.answer
  from unnest($1::bigint[], $2::text[]) as wanted(account_id, key)
  join idempotency i using (account_id, key)
 where i.created_at > $3
"""

# What is there already is older than it is kept for.
REMEMBER = """
insert into idempotency (account_id, key, fingerprint, answer, created_at)
select r.*, $1 from unnest($2::bigint[], $3::text[], $4::bytea[], $5::bytea[]) as r
    on conflict (account_id, key) do update
   set fingerprint = excluded.fingerprint, answer = excluded.answer,
       created_at = excluded.created_at
"""

# One that is just being replaced is left alone: nobody waits for this.
PRUNE = """
delete from idempotency where ctid = any(array(
    select ctid from idempotency where created_at <= $1
     order by created_at limit $2 for update skip locked))
"""


@dataclass(frozen=True, slots=True)
class Record:
    """An accepted request: its key, its fingerprint, its answer as it is kept."""

    account_id: int
    key: str
    fingerprint: bytes
    answer: bytes


async def find(tx: Tx, keys: Sequence[Key], after: datetime) -> list[Record]:
    """The requests of these keys that were accepted after this moment."""
    rows = await tx.fetch(FIND, [account for account, _ in keys], [key for _, key in keys], after)
    return [Record(**row) for row in rows]


async def remember(tx: Tx, records: Sequence[Record], at: datetime) -> None:
    """Keep accepted requests, in the place of older ones of the same key."""
    await tx.execute(
        REMEMBER,
        at,
        [r.account_id for r in records],
        [r.key for r in records],
        [r.fingerprint for r in records],
        [r.answer for r in records],
    )


async def prune(tx: Tx, until: datetime, most: int) -> None:
    """Forget what was accepted until this moment, at most so many, the oldest first."""
    await tx.execute(PRUNE, until, most)
