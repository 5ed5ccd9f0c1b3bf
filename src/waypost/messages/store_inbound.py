"""SQL of what people write to us."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from waypost.drivers.news import Inbound
from waypost.kit.db import Tx
from waypost.messages.store_progress import Key

# Which message it answers, and whose that is.
ANSWERED = """
select told.place, known.account_id, known.message_id
  from unnest($1::integer[], $2::bigint[], $3::text[]) as told (place, device_id, provider_id)
  join provider_ids known using (provider_id, device_id)
"""

# Who wrote last from this very device, as it is this one that is answered, wherever that account
# sends today; only where nobody did, who wrote last from others and sends through its pool.
WROTE_LAST = """
select distinct on (told.place) told.place, c.account_id
  from unnest($1::integer[], $2::bigint[], $3::text[]) as told (place, device_id, number)
  join devices d on d.id = told.device_id
  join chats c on c.recipient = told.number and c.wrote_at >= $4
  join accounts a on a.id = c.account_id and a.deleted_at is null
 where c.device_id = told.device_id or a.pool_id = d.pool_id
 order by told.place, c.device_id = told.device_id desc, c.wrote_at desc
"""

# What has a file and somebody to keep it for has it fetched.
INSERT = """
with kept as (
    insert into inbound (id, account_id, device_id, provider_id, sender, sender_id, kind, text,
                         content, reply_to, answers, media, at, received_at)
    select told.*, $14
      from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                  $7::text[], $8::text[], $9::jsonb[], $10::text[], $11::uuid[],
                  $12::jsonb[], $13::timestamptz[]) as told
        on conflict (device_id, provider_id) do nothing
    returning id, device_id, account_id, media
), files as (
    insert into media_fetches (inbound_id, device_id, due_at)
    select id, device_id, $14 from kept where media is not null and account_id is not null
)
select count(*) from kept
"""

PAGE = """
select i.id, i.device_id, i.sender, i.sender_id, i.kind, i.text, i.content, i.media is not null
       as has_file, i.media_id is not null as came, m.id as media_id,
       f.inbound_id is not null as is_fetched,
       coalesce(i.media_trouble, f.trouble) as media_trouble, i.at, i.received_at, i.answers
  from inbound i
  left join media m on m.account_id = i.account_id and m.id = i.media_id
  left join media_fetches f on f.inbound_id = i.id
 where i.account_id = $1 and i.id < $2
 order by i.id desc limit $3
"""

# Ids begin with the time, so they need no index of their age. What is still to be fetched of them
# goes too.
PRUNE = """
delete from inbound
 where id in (select id from inbound where id < $1 order by id limit $2)
"""

FORGET_CHATS = """
delete from chats where ctid = any(array(select ctid from chats where wrote_at < $1 limit $2))
"""

LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody wrote, for whom, and which message it answers, where that is known."""

    id: UUID
    account_id: int | None
    answers: UUID | None
    told: Inbound


@dataclass(frozen=True, slots=True)
class Received:
    """What somebody wrote, as its owner sees it. `answers` is the message of ours, where known.

    Where it `has_file`, that is here as `media_id` once it `came`, until it is deleted or too old;
    `media_trouble` says why it has not come, which may end while it `is_fetched`.
    """

    id: UUID
    device_id: int
    sender: str | None
    sender_id: str | None
    kind: str
    text: str | None
    content: Mapping[str, object]
    has_file: bool
    came: bool
    media_id: UUID | None
    is_fetched: bool
    media_trouble: str | None
    at: datetime
    received_at: datetime
    answers: UUID | None


async def answered(tx: Tx, told: Sequence[tuple[int, int, str]]) -> dict[int, Key]:
    """By place the message that is meant; asked by place, device and provider's id."""
    rows = await tx.fetch(ANSWERED, *_columns(told))
    return {row["place"]: (row["account_id"], row["message_id"]) for row in rows}


async def wrote_last(
    tx: Tx, told: Sequence[tuple[int, int, str]], since: datetime
) -> dict[int, int]:
    """By place the account that wrote last, after `since`; asked by place, device and number."""
    rows = await tx.fetch(WROTE_LAST, *_columns(told), since)
    return {row["place"]: row["account_id"] for row in rows}


async def insert(tx: Tx, letters: Sequence[Letter], at: datetime) -> int:
    """Keep those that are not known yet; returns how many that were."""
    new: int = await tx.fetchval(
        INSERT,
        [x.id for x in letters],
        [x.account_id for x in letters],
        [x.told.device_id for x in letters],
        [x.told.provider_id for x in letters],
        [x.told.sender for x in letters],
        [x.told.sender_id for x in letters],
        [x.told.kind for x in letters],
        [x.told.text for x in letters],
        [json.dumps(x.told.content) for x in letters],
        [x.told.reply_to for x in letters],
        [x.answers for x in letters],
        [x.told.media and msgspec.json.encode(x.told.media).decode() for x in letters],
        [x.told.at for x in letters],
        at,
    )
    return new


async def page(tx: Tx, account_id: int, before: UUID | None, most: int) -> list[Received]:
    """What was written to the account, newest first, from below this id on."""
    return [_received(row) for row in await tx.fetch(PAGE, account_id, before or LAST, most)]


async def prune(tx: Tx, before: UUID, most: int) -> int:
    """Forget so many with lower ids; returns how many went."""
    gone = await tx.execute(PRUNE, before, most)
    return int(gone.removeprefix("DELETE "))


async def forget_chats(tx: Tx, before: datetime, most: int) -> int:
    """Forget who wrote to whom before this moment, at most so many; returns how many went."""
    gone = await tx.execute(FORGET_CHATS, before, most)
    return int(gone.removeprefix("DELETE "))


def _columns(told: Sequence[tuple[int, int, str]]) -> tuple[list[int], list[int], list[str]]:
    return [t[0] for t in told], [t[1] for t in told], [t[2] for t in told]


def _received(row: asyncpg.Record) -> Received:
    return Received(**{**row, "content": json.loads(row["content"])})
