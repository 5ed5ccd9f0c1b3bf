"""Many messages at once, laid into the tables as the product would have left them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg

from waypost.kit.months import Month, months_from, partition_sql
from waypost.queue.fairness import ROOM, STEP, UNIT
from waypost.queue.model import Kind, Lane

AT_ONCE = 2
HALF = 50
"""The share of a page that messages fill, in percent: as the product makes its months."""

# A UUIDv7 of the millisecond `ms`, of which `n` makes another than its neighbours.
ID = """(lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0')
         || '8' || substring(md5(n::text) for 15))::uuid"""

# From n = $2 to $3, in turn of the accounts $1, one each $5 milliseconds from $4 on.
MESSAGES = f"""
insert into messages (account_id, id, number, class, recipient, body, pool_id, status, attempts,
                      mark, facts, device_id, created_at, updated_at, expires_at, sent_at)
select ($1::bigint[])[1 + n % cardinality($1)], {ID}, 1 + n / cardinality($1), 'single',
       '2782' || lpad((n % 10000000)::text, 7, '0'), repeat('x', 100), 1,
       case n % 50 when 0 then 'Failed' else 'Read' end, 1, 1, 5, 1, at, at,
       at + interval '1 day', at
  from generate_series($2::bigint, $3::bigint - 1) as n
 cross join lateral (select $4::bigint + (n * $5::float8)::bigint as ms) as moment
 cross join lateral (select to_timestamp(ms / 1000.0) as at) as time
"""

COUNTS = """
insert into message_counts (account_id, total)
select account_id, max(number) from messages group by account_id
    on conflict (account_id) do update set total = excluded.total
"""

# Of $2 messages of the accounts $1, the milliseconds $3 from 1970 on, one each $4 of them.
QUEUED = f"""
with made as (
    select ($1::bigint[])[1 + n % cardinality($1)] as account_id, {ID} as id,
           1 + n / cardinality($1) as number, 27820000000 + n as recipient,
           to_timestamp(ms / 1000.0) as at
      from generate_series(0, $2::bigint - 1) as n
     cross join lateral (select $3::bigint + (n * $4::float8)::bigint as ms) as moment
), kept as (
    insert into messages (account_id, id, number, class, recipient, body, pool_id, status, facts,
                          created_at, updated_at, expires_at)
    select account_id, id, number, 'bulk', recipient::text, repeat('x', 100), $5, 'Queued', 1,
           at, at, at + interval '1 day' from made
), told as (
    insert into message_events (account_id, message_id, number, type, at)
    select account_id, id, 1, 'message.queued', at from made
)
insert into pgqueuer (priority, entrypoint, payload, status, dedupe_key)
select {ROOM} - (number - 1) * {UNIT // STEP}, $6, key || uuid_send(id), 'queued',
       encode(key, 'hex')
  from made
 cross join lateral (
    select int8send(account_id) || int8send(({int(Kind.BULK)}::bigint << 56) + recipient) as key
 ) as chain order by id
"""

LANE = "insert into lane_clocks (lane, now, base) values ($1, 0, $2)"

FLOWS = """
insert into flow_clocks (account_id, kind, lane, finish)
select account_id, $1, $2, total * $3 from message_counts
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A time, in so many months, that so many messages fill evenly."""

    first: datetime
    months: int
    messages: int

    @classmethod
    def until(cls, now: datetime, months: int, messages: int) -> "Span":
        """The months before this one, and this one up to now."""
        year, month = divmod(now.year * 12 + now.month - 1 - (months - 1), 12)
        return cls(datetime(year, month + 1, 1, tzinfo=UTC), months, messages)

    @property
    def parts(self) -> list[Month]:
        return list(months_from(self.first, self.months - 1))

    def milliseconds_each(self, end: datetime) -> float:
        """From one message to the next."""
        return (end - self.first) / timedelta(milliseconds=1) / self.messages


async def history(
    url: str, accounts: Sequence[int], span: Span, end: datetime, done: Callable[[], None]
) -> None:
    """Messages of which nothing more is to come; `done` is called after each month's worth."""
    await _make_room(url, span)
    pieces = asyncio.Queue[tuple[int, int]]()
    for part in range(span.months):
        borders = (span.messages * part // span.months, span.messages * (part + 1) // span.months)
        pieces.put_nowait(borders)
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_fill(url, accounts, span, end, pieces, done))
    await _run(url, COUNTS)
    await _run(url, "vacuum (analyze) messages")


async def queue(url: str, accounts: Sequence[int], pool_id: int, lane: Lane, messages: int) -> None:
    """Messages that wait in a lane, each a chain of its own, tagged as bulks of equal accounts."""
    begin = datetime.now(UTC) - timedelta(minutes=1)
    first, each = int(begin.timestamp() * 1000), 60_000 / messages
    await _run(url, QUEUED, accounts, messages, first, each, pool_id, lane)
    await _run(url, COUNTS)
    await _run(url, LANE, lane, ROOM)
    await _run(url, FLOWS, int(Kind.BULK), lane, UNIT)
    for name in ("messages", "message_events", "pgqueuer"):
        await _run(url, f"vacuum (analyze) {name}")


async def _make_room(url: str, span: Span) -> None:
    for month in span.parts:
        await _run(url, partition_sql("messages", month, HALF))
        await _run(url, partition_sql("message_events", month))


async def _fill(
    url: str,
    accounts: Sequence[int],
    span: Span,
    end: datetime,
    pieces: "asyncio.Queue[tuple[int, int]]",
    done: Callable[[], None],
) -> None:
    begin = int(span.first.timestamp() * 1000)
    while not pieces.empty():
        first, last = pieces.get_nowait()
        each = span.milliseconds_each(end)
        await _run(url, MESSAGES, accounts, first, last, begin, each)
        done()


async def _run(url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("set synchronous_commit = off")
        await connection.execute(statement, *values)
    finally:
        await connection.close()
