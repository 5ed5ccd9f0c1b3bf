"""SQL of what happens to a message after it was accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from waypost.kit.db import Tx
from waypost.messages.model import Class, Status
from waypost.messages.reference import reference
from waypost.queue.model import Reference

Key = tuple[int, UUID]
"""A message's account and id."""

# A plan that was cached while this month's partition was empty would read all of it for a minute
# after it has filled, until its statistics come. Planning anew costs a millisecond a batch.
PLAN_ANEW = "set local plan_cache_mode = force_custom_plan"

TEXTS = """
select m.account_id, m.id, m.recipient, m.body, m.created_at, m.expires_at, m.status,
       m.device_id, m.wanted_device_id, m.marked_at, m.may_repeat, m.content
  from unnest($1::bigint[], $2::uuid[]) as wanted (account_id, id)
  join messages m on m.account_id = wanted.account_id and m.id = wanted.id
 where m.status in ('Queued', 'Sending') and (m.status = 'Sending' or not m.is_held)
"""

# The sub-select takes the locks one by one in the order of the keys.
LOCK = """
select m.*
  from unnest($1::bigint[], $2::uuid[]) as wanted (account_id, id)
 cross join lateral (
    select account_id, id, status, attempts, mark, marked_at, may_repeat, is_held, facts,
           device_id, provider_id, error_code, error_message, sent_at, delivered_at, read_at
      from messages where account_id = wanted.account_id and id = wanted.id
       for no key update
 ) as m
"""

WRITE = """
update messages m
   set status = t.status, attempts = t.attempts, mark = t.mark, marked_at = t.marked_at,
       may_repeat = t.may_repeat, facts = t.facts,
       device_id = t.device_id, provider_id = t.provider_id,
       error_code = t.error_code, error_message = t.error_message,
       sent_at = t.sent_at, delivered_at = t.delivered_at, read_at = t.read_at,
       updated_at = $16
  from unnest($1::bigint[], $2::uuid[], $3::text[], $4::integer[], $5::integer[],
              $6::timestamptz[], $7::boolean[], $8::integer[], $9::bigint[], $10::text[],
              $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[])
    as t(account_id, id, status, attempts, mark, marked_at, may_repeat, facts, device_id,
         provider_id, error_code, error_message, sent_at, delivered_at, read_at)
 where m.account_id = t.account_id and m.id = t.id
"""

ABOUT = """
select m.account_id, m.id, m.class, m.recipient
  from unnest($1::bigint[], $2::uuid[]) as wanted (account_id, id)
  join messages m on m.account_id = wanted.account_id and m.id = wanted.id
"""

UNCONFIRMED = """
select account_id, id, recipient, sent_at from messages
 where id >= $1 and device_id = $2 and status in ('Sent', 'Delivered') and sent_at is not null
 limit $3
"""


@dataclass(frozen=True, slots=True)
class Text:
    """What never changes about a message on its way, and how it stood when it was read.

    `wanted_device_id` is the device that its sender asked for; `device_id`, `marked_at` and
    `may_repeat` tell of its last mark. `content` is what it carries beside its text, as kept.
    """

    account_id: int
    id: UUID
    recipient: str
    body: str
    created_at: datetime
    expires_at: datetime
    status: Status
    device_id: int | None
    wanted_device_id: int | None
    marked_at: datetime | None
    may_repeat: bool
    content: str | None


class State(Struct, frozen=True):
    """What changes about a message on its way.

    `mark` counts the times it went to the wire, `marked_at` is the last one, and `may_repeat` says
    whether the transport that it was marked for drops a second one of the same id. `is_held`: its
    batch is paused.

    A Struct, as every message is copied four times on its way: its copies cost a twentieth.
    """

    account_id: int
    id: UUID
    status: Status
    attempts: int
    mark: int
    marked_at: datetime | None
    may_repeat: bool
    is_held: bool
    facts: int
    device_id: int | None
    provider_id: str | None
    error_code: str | None
    error_message: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class SentBefore:
    """A message whose receipts may still be to come."""

    account_id: int
    id: UUID
    recipient: str
    sent_at: datetime


async def plan_anew(tx: Tx) -> None:
    """Have this transaction's statements planned for the tables as they are now."""
    await tx.execute(PLAN_ANEW)


async def texts(tx: Tx, keys: Sequence[Key]) -> list[Text]:
    """The messages of these keys that are on their way and not held, without locks."""
    rows = await tx.fetch(TEXTS, *_columns(keys))
    return [Text(**{**row, "status": Status(row["status"])}) for row in rows]


async def lock(tx: Tx, keys: Sequence[Key]) -> dict[Key, State]:
    """Hold these messages until the transaction ends; the keys are sorted."""
    rows = await tx.fetch(LOCK, *_columns(keys))
    states = [State(**{**row, "status": Status(row["status"])}) for row in rows]
    return {(state.account_id, state.id): state for state in states}


async def write(tx: Tx, states: Sequence[State], at: datetime) -> None:
    """Set these messages, which are locked, to these states."""
    await tx.execute(
        WRITE,
        [s.account_id for s in states],
        [s.id for s in states],
        [s.status for s in states],
        [s.attempts for s in states],
        [s.mark for s in states],
        [s.marked_at for s in states],
        [s.may_repeat for s in states],
        [s.facts for s in states],
        [s.device_id for s in states],
        [s.provider_id for s in states],
        [s.error_code for s in states],
        [s.error_message for s in states],
        [s.sent_at for s in states],
        [s.delivered_at for s in states],
        [s.read_at for s in states],
        at,
    )


async def about(tx: Tx, keys: Sequence[Key]) -> list[Reference]:
    """How the queue knows these messages."""
    rows = await tx.fetch(ABOUT, *_columns(keys))
    return [
        reference(row["account_id"], Class(row["class"]), row["recipient"], row["id"])
        for row in rows
    ]


async def unconfirmed(tx: Tx, since: UUID, device_id: int, most: int) -> list[SentBefore]:
    """What the device sent, of ids from `since` on, and nobody has read yet."""
    rows = await tx.fetch(UNCONFIRMED, since, device_id, most)
    return [SentBefore(**row) for row in rows]


def _columns(keys: Sequence[Key]) -> tuple[list[int], list[UUID]]:
    return [account_id for account_id, _ in keys], [id for _, id in keys]
