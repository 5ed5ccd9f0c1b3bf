"""An operator's numbers: each message counts in the hour in which it was accepted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import PLAIN, House
from waypost.admin import stats, store_stats
from waypost.admin.stats_model import Hour
from waypost.devices import pools
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids, first_id_at
from waypost.messages import partitions
from waypost.messages.model import Class, Status
from waypost.messages.reference import reference
from waypost.queue import lanes
from waypost.queue.model import Entry, lane_of

NOW = datetime(2031, 5, 20, 10, 45, tzinfo=UTC)
HOUR = timedelta(hours=1)

INSERT = """
insert into messages (account_id, id, number, class, recipient, body, pool_id, status, facts,
                      created_at, updated_at, expires_at, sent_at, delivered_at, read_at)
select 1, t.id, t.number, 'single', '27821234567', 'x', 1, t.status, 1, t.at, t.at, t.at,
       t.sent_at, t.delivered_at, t.read_at
  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[],
              $6::timestamptz[], $7::timestamptz[])
    as t(id, number, status, at, sent_at, delivered_at, read_at)
"""

LEASE = "insert into leases (pool_id, until) values ($1, now() + interval '1 minute')"

# 100,000 messages, one every 100 seconds of the 115 days before $1; ids as our own are made.
MANY = """
insert into messages (account_id, id, number, class, recipient, body, pool_id, status, facts,
                      created_at, updated_at, expires_at, sent_at)
select n % 20, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0')
       || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
       n, 'single', '27821234567', repeat('x', 100), 1, 'Sent', 3, at, at, at, at
  from generate_series(1, 100000) as n
 cross join lateral (select $1::timestamptz - n * interval '100 s' as at) as moment
 order by at
"""


async def put(tx: Tx, at: datetime, number: int, status: Status, *seen: datetime | None) -> None:
    """A message of this moment; `seen` is when it was sent, delivered and read."""
    times = [*seen, None, None, None][:3]
    id = Ids(FrozenClock(at)).new()
    await tx.execute(INSERT, [id], [number], [status], [at], *([time] for time in times))


async def test_messages_count_in_the_hour_in_which_they_were_accepted(db: Database) -> None:
    this = NOW.replace(minute=0)
    async with db.tx() as tx:
        await partitions.ensure(tx, NOW)
        await put(tx, this, 1, Status.QUEUED)
        await put(tx, NOW, 2, Status.SENT, NOW)
        await put(tx, this - HOUR, 3, Status.READ, NOW, None, NOW)
        await put(tx, this - timedelta(seconds=1), 4, Status.FAILED)
        await put(tx, this - timedelta(seconds=1), 5, Status.EXPIRED)
        await put(tx, this - 2 * HOUR, 6, Status.DELIVERED, NOW, NOW)
        await put(tx, this - 2 * HOUR - timedelta(milliseconds=1), 7, Status.SENT, NOW)
        await put(tx, this, 8, Status.SCHEDULED)
        await put(tx, this, 9, Status.UNCERTAIN)
        await put(tx, this, 10, Status.CANCELLED)

        found = await stats.collect(tx, 3, NOW)

    assert found.hours == [
        Hour(this - 2 * HOUR, accepted=1, sent=1, delivered=1),
        Hour(this - HOUR, accepted=3, sent=1, delivered=1, read=1, failed=1, expired=1),
        Hour(this, accepted=5, scheduled=1, queued=1, sent=1, uncertain=1, cancelled=1),
    ]


async def test_a_message_accepted_at_once_after_its_id_was_made_is_counted(db: Database) -> None:
    this = NOW.replace(minute=0)
    id = Ids(FrozenClock(this - timedelta(milliseconds=5))).new()
    async with db.tx() as tx:
        await partitions.ensure(tx, NOW)
        await tx.execute(INSERT, [id], [1], ["Queued"], [this], [None], [None], [None])

        found = await stats.collect(tx, 1, NOW)

    assert found.hours == [Hour(this, accepted=1, queued=1)]


async def test_hours_without_messages_are_there(db: Database) -> None:
    async with db.read() as tx:
        found = await stats.collect(tx, 24, NOW)

    assert len(found.hours) == 24
    assert found.hours[0] == Hour(NOW.replace(minute=0) - 23 * HOUR)
    assert found.hours[-1] == Hour(NOW.replace(minute=0))


async def test_a_pool_tells_what_waits_in_it_and_since_when(db: Database) -> None:
    async with db.tx() as tx:
        idle = await pools.create(tx, "idle", False, NOW)
        busy = next(pool for pool in await pools.listed(tx) if pool.is_default)
        recipients = ("27821000000", "27821000001", "27821000000")  # the third is parked
        about = [reference(1, Class.BULK, r, UUID(int=n)) for n, r in enumerate(recipients)]
        began = await tx.fetchval("select now()")
        await tx.execute(LEASE, busy.id)
        await lanes.push(tx, [Entry(lane_of(busy.id), each) for each in about])

        loads = {load.pool.id: load for load in (await stats.collect(tx, 1, NOW)).pools}

    assert (loads[busy.id].backlog, loads[busy.id].since) == (3, began)
    assert (loads[busy.id].available_devices, loads[busy.id].total_devices) == (3, 3)
    assert (loads[idle.id].backlog, loads[idle.id].since) == (0, None)
    assert (loads[idle.id].available_devices, loads[idle.id].total_devices) == (0, 0)


async def test_messages_that_make_no_progress_are_counted(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN, PLAIN, expires_in=HOUR)
    await connection.execute("update messages set updated_at = now() - interval '1 hour'")
    await connection.execute("insert into alarms select account_id, id, now() from messages")

    async with db.read() as tx:
        now = house.clock.now()
        assert (await stats.collect(tx, 1, now)).stuck == 0
        assert (await stats.collect(tx, 1, now + 2 * HOUR)).stuck == 2


async def test_counting_reads_only_the_time_that_is_asked_for(db: Database) -> None:
    """Of 100,000 messages in five partitions no more than the hours' own are looked at."""
    async with db.tx() as tx:
        for months in range(5):
            await partitions.ensure(tx, NOW - months * timedelta(days=30))
        await tx.execute(MANY, NOW)
        await tx.execute("analyze messages")

        for hours in (1, 24, stats.MOST_HOURS):
            since = NOW - hours * HOUR
            explain = f"explain (analyze, format json) {store_stats.HOURS}"
            plan = json.loads(await tx.fetchval(explain, first_id_at(since)))
            scans = [node for node in walk(plan[0]["Plan"]) if "Relation Name" in node]

            read = {node["Relation Name"] for node in scans if node["Actual Rows"]}
            assert read == {"messages_2031_05"}
            assert "Seq Scan" not in {n["Node Type"] for n in scans if n["Actual Rows"]}
            assert sum(n["Actual Rows"] for n in scans) == pytest.approx(hours * 36, abs=1)


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The node and all below it."""
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child)
