"""What the queue costs: statements for each batch, and rows that each of them looks at."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg

from tests.database.queue.yard import (
    ALICE,
    BOB,
    CAROL,
    LANE,
    OTHER,
    WORKER,
    Yard,
    about,
    entry,
)
from tests.support.recording import RecordingDatabase
from waypost.kit.db import Database, Tx
from waypost.queue import depths, lanes, store, store_push, upkeep
from waypost.queue.model import Entry, Job, Kind, Reference, lane_of
from waypost.queue.places import EXACT_UP_TO

JOBS = """
insert into pgqueuer (priority, entrypoint, dedupe_key, payload, status, execute_after)
select 2000000000 - 100 * n, $1, encode(payload, 'hex'), payload || uuid_send(gen_random_uuid()),
       'queued', now() + $2::interval
  from generate_series(1, $3::integer) as n
 cross join lateral (select int8send($4::bigint) || int8send(n) as payload) as chain
"""
PARKED = """
insert into parked_jobs (chain, lane, message_id, priority)
select dedupe_key, entrypoint, gen_random_uuid(), priority - 1 from pgqueuer
"""
CLOCKS = "insert into flow_clocks select n, n % 2, 'pool.1', n from generate_series(100, 5000) as n"
NOW, LATER = timedelta(0), timedelta(hours=1)


class Counted:
    """A transaction that counts its statements."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.statements: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(query: str, *args: Any) -> Any:
            self.statements.append(query)
            return getattr(self._tx, name)(query, *args)

        return call


async def fill(
    connection: asyncpg.Connection, size: int, wait: timedelta = NOW, pool: int = 1
) -> None:
    """A pool's lane with many jobs of an account."""
    await connection.execute(JOBS, lane_of(pool), wait, size, 98 + pool)


def bulk(size: int, account: int = ALICE) -> list[Entry]:
    return [entry(n, account=account) for n in range(size)]


async def test_a_push_is_two_statements_however_many_accounts_and_lanes_it_is_for(
    yard: Yard,
) -> None:
    entries = [*bulk(100), *bulk(100, BOB), *(entry(n, lane=OTHER) for n in range(200, 250))]

    async with yard.db.tx() as tx:
        counted: Any = Counted(tx)
        await lanes.push(counted, entries)

    assert len(counted.statements) == 2


async def test_a_push_that_parks_or_that_estimates_is_a_statement_more(yard: Yard) -> None:
    await yard.push(*bulk(EXACT_UP_TO + 1))

    async with yard.db.tx() as tx:
        parks: Any = Counted(tx)
        await lanes.push(parks, [entry(5000, account=BOB), entry(5001, to=5000, account=BOB)])
        estimates: Any = Counted(tx)
        await lanes.push(estimates, [entry(6000)])

    assert len(parks.statements) == len(estimates.statements) == 3


async def test_a_claim_is_two_statements_and_so_is_the_end_of_what_was_claimed(yard: Yard) -> None:
    await yard.push(*bulk(100))

    async with yard.db.tx() as tx:
        claiming: Any = Counted(tx)
        jobs = await lanes.claim(claiming, WORKER, LANE, 100)
        ending: Any = Counted(tx)
        await lanes.finish(ending, jobs)

    assert len(jobs) == 100
    assert len(claiming.statements) == len(ending.statements) == 2


async def test_letting_the_next_in_looks_at_nothing_where_nothing_is_parked(yard: Yard) -> None:
    await fill(yard.connection, 5000)
    keys = [Reference.unpack(row["payload"]).key for row in await some_jobs(yard.connection)]

    plan = await explained(yard.connection, store.PROMOTE, keys)

    assert seen(plan) == 0


async def test_letting_the_next_in_looks_at_the_first_that_is_parked_of_each_chain(
    yard: Yard,
) -> None:
    await fill(yard.connection, 5000)
    for _ in range(3):
        await yard.connection.execute(PARKED)
    await yard.connection.execute("analyze")
    keys = [Reference.unpack(row["payload"]).key for row in await some_jobs(yard.connection)]

    plan = await explained(yard.connection, store.PROMOTE, keys)

    assert 0 < seen(plan) <= 3 * len(keys)


async def test_a_push_looks_no_further_than_it_counts_whatever_waits_for_its_next_try(
    yard: Yard,
) -> None:
    await yard.push(*bulk(10))
    await fill(yard.connection, 20_000, LATER)
    await yard.connection.execute("analyze")

    for kind in Kind:
        plan = await explained(
            yard.connection, store_push.PREPARE, [about(1, 1).key], [CAROL], [kind], [LANE], [10**9]
        )
        assert seen(plan) <= EXACT_UP_TO + 10


async def test_an_estimate_looks_at_so_many_jobs_in_a_lane_of_any_depth(yard: Yard) -> None:
    await fill(yard.connection, 20_000)
    await yard.connection.execute("analyze")

    points = [2_000_000_000 - 150_000 * n for n in range(12)]
    plan = await explained(yard.connection, store_push.SAMPLE, LANE, points)

    assert 1000 < seen(plan) <= 1300


async def test_a_claim_finds_what_is_due_by_an_index_behind_much_that_is_not(yard: Yard) -> None:
    await yard.push(*bulk(100))
    await fill(yard.connection, 20_000, LATER)
    await yard.connection.execute("analyze")
    recorded: Any = Counted(yard.connection)
    async with yard.connection.transaction():
        jobs = await lanes.claim(recorded, WORKER, LANE, 64)
        assert len(jobs) == 64

    plan = await explained(
        yard.connection, recorded.statements[0], 64, [LANE], WORKER, timedelta(seconds=12)
    )

    assert not sequential(plan)


async def test_no_verb_reads_the_queue_from_end_to_end(
    yard: Yard, database_url: str, connection: asyncpg.Connection
) -> None:
    for pool in range(1, 9):
        await fill(connection, 1500, pool=pool)
    await connection.execute(PARKED)
    await connection.execute(CLOCKS)
    recording = RecordingDatabase(database_url, 2, "waypost test")
    await recording.open()
    await run_everything(recording)
    await recording.close()
    await connection.execute("analyze")

    plans = {
        query: await explained(connection, query, *args, run=False)
        for query, args in recording.statements.items()
    }

    assert len(plans) > 15
    assert [query for query, plan in plans.items() if sequential(plan)] == []


async def run_everything(db: Database) -> None:
    """Every verb, on a lane that is deep and has chains; but for counts of whole lanes."""

    async def verbs(tx: Tx) -> None:
        await lanes.push(tx, [*bulk(20), entry(1, to=1), entry(900, to=1, account=99)])
        await lanes.push(tx, bulk(1))
        jobs: Sequence[Job] = await lanes.claim(tx, WORKER, LANE, 50)
        await lanes.beat(tx, jobs)
        await lanes.finish(tx, jobs[:10])
        await lanes.release_jobs(tx, WORKER, jobs[10:20])
        await upkeep.reclaim(tx, LANE)
        await lanes.release(tx, WORKER)
        await lanes.without_job(tx, [job.about for job in jobs])
        await lanes.withdraw(tx, [job.about for job in jobs[20:30]])
        await lanes.place_of(tx, LANE, jobs[-1].about)
        await lanes.place_of(tx, LANE, about(1, 1))
        await lanes.wind_back(tx, ALICE, Kind.BULK, LANE, 0, 1)
        await depths.of_account(tx, ALICE, 1000)
        await upkeep.head(tx, LANE, 100)

    await db.transact(verbs)


async def some_jobs(connection: asyncpg.Connection) -> list[asyncpg.Record]:
    rows: list[asyncpg.Record] = await connection.fetch("select payload from pgqueuer limit 64")
    return rows


async def explained(
    connection: asyncpg.Connection, query: str, *args: Any, run: bool = True
) -> dict[str, Any]:
    """The statement's plan; where it is run, with the rows it met, and without consequences."""
    options = "analyze, timing off, format json" if run else "format json"
    transaction = connection.transaction()
    await transaction.start()
    try:
        answer = json.loads(await connection.fetchval(f"explain ({options}) {query}", *args))
    finally:
        await transaction.rollback()
    plan: dict[str, Any] = answer[0]["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def seen(plan: dict[str, Any]) -> int:
    """How many rows of tables were met."""
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(plan)
        if "Relation Name" in node and node["Node Type"] != "ModifyTable"
    )


def sequential(plan: dict[str, Any]) -> bool:
    """Whether it reads a table of some size from end to end."""
    return any(
        node["Node Type"] == "Seq Scan" and node["Relation Name"] != "lane_clocks"
        for node in nodes(plan)
    )


def test_the_tests_see_what_is_read_from_end_to_end() -> None:
    scan = {"Node Type": "Seq Scan", "Relation Name": "pgqueuer"}

    assert sequential({"Node Type": "Limit", "Plans": [scan]})
    assert not sequential({"Node Type": "Index Scan", "Relation Name": "pgqueuer"})
