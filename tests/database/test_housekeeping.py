"""What a worker does now and then: partitions, the queue's log, a look at the books."""

import asyncio
from datetime import UTC, datetime

import asyncpg
from prometheus_client import REGISTRY

from tests.support.messages import PLAIN, House, until
from waypost.dispatch.housekeeping import Housekeeping
from waypost.kit.clock import FrozenClock, SystemClock
from waypost.kit.db import Database
from waypost.messages import partitions


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


async def test_the_queues_log_is_emptied_and_the_metrics_tell_of_silent_owners_and_wrong_books(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN, PLAIN)
    await house.claim()
    await house.abandon()
    await connection.execute("update wallets set credits = credits + 1")
    assert await connection.fetchval("select count(*) from pgqueuer_log") > 0

    keeping = asyncio.create_task(Housekeeping(db, SystemClock()).run())

    async def done() -> bool:
        return (
            await connection.fetchval("select count(*) from pgqueuer_log") == 0
            and REGISTRY.get_sample_value("waypost_stuck_messages") == 2
            and REGISTRY.get_sample_value("waypost_ledger_differences") == 1
        )

    await until(done)
    keeping.cancel()


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
