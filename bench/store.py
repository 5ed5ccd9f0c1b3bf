"""What the server's database holds: the proof that an answer was more than words."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

HELD = "select count(*) from messages"
UNSENT = "select count(*) from messages where sent_at is null and status in ('Queued', 'Sending')"
SENT = "select count(*) from messages where sent_at is not null"
FOUND = "select count(distinct id) from messages where id = any($1::uuid[])"
SENT_LATENCY = """
select count(*),
       percentile_cont(array[0.5, 0.99]) within group
           (order by extract(epoch from sent_at - created_at)::float8 * 1000)
from messages where id = any($1::uuid[]) and sent_at is not null
"""
SENT_PER_SECOND = """
select count(*) / nullif(extract(epoch from max(sent_at) - min(sent_at)), 0)
from messages where sent_at >= $1
"""
UNSENT_OF = """
select count(*) from messages where account_id = $1 and status in ('Queued', 'Sending')
"""
SENT_OF = "select count(*) from messages where account_id = $1 and sent_at is not null"
ACCOUNTS = "select id from accounts where username like 'bench-%' order by username"
MESSAGES = """
select m.account_id, m.id, m.recipient
  from unnest($1::bigint[], $2::bigint[]) as wanted (account_id, number)
  join messages m on m.account_id = wanted.account_id and m.number = wanted.number
"""
VERSION = "show server_version"


@dataclass(frozen=True, slots=True)
class SentLatency:
    """From the acceptance to the sandbox's answer, in milliseconds."""

    sent: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Message:
    """What a read asks by."""

    account_id: int
    id: UUID
    recipient: str


def held(url: str) -> int:
    """How many messages there are."""
    return int(_ask(url, HELD)[0][0])


def unsent(url: str) -> int:
    """How many messages still wait for their sending."""
    return int(_ask(url, UNSENT)[0][0])


def sent(url: str) -> int:
    """How many messages were sent."""
    return int(_ask(url, SENT)[0][0])


def unsent_of(url: str, account_id: int) -> int:
    """How many messages of the account still wait for their sending."""
    return int(_ask(url, UNSENT_OF, account_id)[0][0])


def sent_of(url: str, account_id: int) -> int:
    """How many messages of the account were sent."""
    return int(_ask(url, SENT_OF, account_id)[0][0])


def accounts(url: str) -> list[int]:
    """The accounts that the bench made, in the order of their names."""
    return [row["id"] for row in _ask(url, ACCOUNTS)]


def messages(url: str, wanted: Sequence[tuple[int, int]]) -> list[Message]:
    """Messages by account and running number."""
    numbers = [number for _, number in wanted]
    rows = _ask(url, MESSAGES, [account for account, _ in wanted], numbers)
    return [Message(**row) for row in rows]


def found(url: str, ids: Sequence[UUID]) -> int:
    """How many of the given messages there are."""
    return int(_ask(url, FOUND, ids)[0][0])


def sent_latency(url: str, ids: Sequence[UUID]) -> SentLatency:
    """How long the given messages took from their acceptance until they were sent."""
    [(count, percentiles)] = _ask(url, SENT_LATENCY, ids)
    p50, p99 = percentiles or (0.0, 0.0)
    return SentLatency(int(count), float(p50), float(p99))


def sent_per_second(url: str, since: datetime) -> float:
    """How fast the messages left that were sent since then."""
    return float(_ask(url, SENT_PER_SECOND, since)[0][0] or 0)


def version(url: str) -> str:
    """The version of PostgreSQL."""
    return str(_ask(url, VERSION)[0][0])


def _ask(url: str, sql: str, *values: object) -> list[Any]:
    return asyncio.run(_fetch(url, sql, *values))


async def _fetch(url: str, sql: str, *values: object) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()
