"""What every worker does now and then: room for months, old rows, a look at the books."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.support.messages import PLAIN, House, until
from waypost.dispatch.housekeeping import Housekeeping
from waypost.drivers.news import Inbound
from waypost.kit.clock import Clock, FrozenClock, SystemClock
from waypost.kit.db import Database
from waypost.kit.ids import Ids
from waypost.messages import inbound, partitions

OTHER = "27847777778"
LETTER = Inbound(1, "wamid.IN", PLAIN, None, "text", "Hi", datetime(2026, 3, 4, tzinfo=UTC), {})
STUCK = """
with late as (
    update messages set updated_at = now() - interval '1 hour',
                        expires_at = now() - interval '1 hour'
     where id = $1 returning account_id, id, expires_at
)
insert into alarms select * from late
"""


async def tables(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("select relname from pg_class where relkind = 'r'")
    return {row["relname"] for row in rows}


async def test_there_is_always_room_for_the_next_months(
    db: Database, connection: asyncpg.Connection
) -> None:
    clock = FrozenClock(datetime(2031, 11, 5, tzinfo=UTC))
    keeping = asyncio.create_task(Housekeeping(db, clock).run())
    wanted = {
        f"{table}_{month}"
        for table in ("messages", "message_events")
        for month in ("2031_11", "2031_12", "2032_01", "2032_02")
    }

    async def there() -> bool:
        return wanted <= await tables(connection)

    await until(there)
    keeping.cancel()


async def test_many_workers_may_make_the_same_partitions_at_once(db: Database) -> None:
    now = datetime(2032, 5, 5, tzinfo=UTC)

    await asyncio.gather(*(db.transact(lambda tx: partitions.ensure(tx, now)) for _ in range(5)))


async def test_a_chore_that_would_wait_for_others_is_put_off(
    db: Database, connection: asyncpg.Connection
) -> None:
    with capture_logs() as logs:
        async with connection.transaction():
            await connection.execute("lock table pgqueuer_log in access share mode")
            keeping = asyncio.create_task(Housekeeping(db, SystemClock()).run())

            async def put_off() -> bool:
                return any(each["event"] == "housekeeping.postponed" for each in logs)

            await until(put_off)
        keeping.cancel()
    assert [each for each in logs if each["log_level"] == "error"] == []


async def test_the_queues_log_is_emptied_and_the_metrics_tell_of_what_is_wrong(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN, OTHER)
    await house.claim()
    await house.abandon()
    (stuck,) = await house.accept("27847777777")
    await connection.execute(STUCK, stuck)
    await connection.execute("update wallets set credits = credits + 1")
    assert await connection.fetchval("select count(*) from pgqueuer_log") > 0

    async def told() -> bool:
        return (
            await connection.fetchval("select count(*) from pgqueuer_log") == 0
            and REGISTRY.get_sample_value("waypost_abandoned_claims") == 2
            and REGISTRY.get_sample_value("waypost_stuck_messages") == 1
            and REGISTRY.get_sample_value("waypost_ledger_differences") == 1
        )

    await kept(db, told)


async def test_what_nobody_needs_any_more_goes(
    db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute(
        "insert into idempotency values (1, 'old', '', '', now() - interval '25 hours'),"
        " (1, 'new', '', '', now() - interval '23 hours')"
    )
    await connection.execute(
        "insert into device_days values (1, current_date - 30, 5), (1, current_date - 1, 5)"
    )
    await connection.execute(
        "insert into provider_ids values ('old', 1, 1, $1, 1, now() - interval '36 days'),"
        " ('new', 1, 1, $1, 1, now() - interval '34 days')",
        UUID(int=1),
    )

    await connection.execute(
        "insert into chats values ('1', 1, 1, now() - interval '91 days'),"
        " ('1', 1, 2, now() - interval '89 days')"
    )

    async def gone() -> bool:
        chats = await connection.fetchval("select count(*) from chats")
        keys = await connection.fetch("select key from idempotency")
        days = await connection.fetchval("select count(*) from device_days")
        ids = await connection.fetch("select provider_id from provider_ids")
        left = [row[0] for row in (*keys, *ids)]
        return left == ["new", "new"] and days == chats == 1

    await kept(db, gone)


async def test_months_go_after_their_days(db: Database, connection: asyncpg.Connection) -> None:
    clock = FrozenClock(datetime.now(UTC) - timedelta(days=70))
    await db.transact(lambda tx: partitions.ensure(tx, clock.now()))
    old = await House(db, clock=clock).open()
    await old.accept(PLAIN)
    await connection.execute("update messages set status = 'Read'")
    await db.transact(lambda tx: inbound.keep(tx, [LETTER], Ids(clock), clock.now()))

    async def gone() -> bool:
        return not await connection.fetch(
            "select id from messages union all select id from inbound"
        )

    await kept(db, gone, retention_days=30)


async def test_what_waits_gets_an_alarm_and_a_chain_without_a_job_gets_one(
    db: Database, connection: asyncpg.Connection
) -> None:
    """More than one step of the walk: it goes on at once."""
    clock = FrozenClock(datetime.now(UTC))
    house = await House(db, clock=clock).open(credits=10_000)
    for _ in range(2):
        await house.accept(*(f"2784{5_001_000 + n}" for n in range(3000)))
    await connection.execute("delete from pgqueuer where id = (select min(id) from pgqueuer)")
    clock.advance(timedelta(minutes=5))

    async def done() -> bool:
        alarms = await connection.fetchval("select count(*) from alarms")
        jobs = await connection.fetchval("select count(*) from pgqueuer")
        return (alarms, jobs) == (6000, 3000)

    await kept(db, done, clock)


async def test_a_chore_that_fails_keeps_none_of_the_others_from_being_done(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN)
    await house.claim()
    await connection.execute("drop table ledger, device_days, idempotency")

    async def emptied() -> bool:
        return not await connection.fetch("select from pgqueuer_log")

    await kept(db, emptied)


async def kept(
    db: Database,
    holds: Callable[[], Awaitable[object]],
    clock: Clock | None = None,
    retention_days: int = 0,
) -> None:
    """Keep house, as three workers do at once, until something holds."""
    async with asyncio.TaskGroup() as group:
        keeping = [
            group.create_task(Housekeeping(db, clock or SystemClock(), retention_days).run())
            for _ in range(3)
        ]
        await until(holds)
        for each in keeping:
            each.cancel()


async def test_a_long_reader_of_the_queues_log_holds_nobody_up(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    async with connection.transaction():
        await connection.fetch("select * from pgqueuer_log")
        keeping = asyncio.create_task(Housekeeping(db, SystemClock()).run())
        await asyncio.sleep(0.2)

        await asyncio.wait_for(house.accept(PLAIN), 5)
    keeping.cancel()
