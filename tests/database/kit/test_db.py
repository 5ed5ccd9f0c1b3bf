"""What is committed stays, what fails leaves nothing, and what is lost is told truthfully."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.proxy import Loss, Relay
from waypost.kit import db as kit_db
from waypost.kit.db import RETRIES, CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.errors import Conflict, Unavailable

ADD = "insert into things (name) values ($1)"
SLEEPS = """
select exists (
    select from pg_stat_activity
     where datname = current_database() and wait_event = 'PgSleep' and query like '%pg_sleep(60)%'
)
"""
ALL = "select name from things order by name"
TERMINATE = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
"""
# A trigger that runs within COMMIT, and takes its time.
SLOW_COMMIT = """
create function dawdle() returns trigger language plpgsql as $$
begin perform pg_sleep(60); return null; end $$;
create constraint trigger dawdle after insert on things deferrable initially deferred
    for each row when (new.name = 'slow') execute function dawdle();
"""
IN_COMMIT = """
select count(*) from pg_stat_activity
 where datname = current_database() and wait_event = 'PgSleep' and query ilike 'commit%'
"""


@pytest.fixture(autouse=True)
async def things(connection: asyncpg.Connection) -> None:
    await connection.execute("create table things (name text unique deferrable initially deferred)")


async def names(connection: asyncpg.Connection) -> list[str]:
    """What stands in the table for everybody else."""
    return [row["name"] for row in await connection.fetch(ALL)]


async def add(db: Database, *wanted: str) -> None:
    async with db.tx() as tx:
        for name in wanted:
            await tx.execute(ADD, name)


async def raises(db: Database, error: BaseException) -> None:
    async with db.tx() as tx:
        await tx.execute(ADD, "a")
        raise error


async def is_back(db: Database) -> bool:
    try:
        async with db.read() as tx:
            return bool(await tx.fetchval("select true"))
    except DatabaseAway:
        return False


def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


async def test_what_a_block_did_is_there_for_all_when_it_has_ended(
    db: Database, connection: asyncpg.Connection
) -> None:
    async with db.tx() as tx:
        await tx.execute(ADD, "a")

        assert await names(connection) == []

    assert await names(connection) == ["a"]


@pytest.mark.parametrize("error", [ZeroDivisionError(), Conflict("No."), KeyboardInterrupt()])
async def test_what_a_block_did_is_undone_when_it_raises(
    db: Database, connection: asyncpg.Connection, error: BaseException
) -> None:
    with pytest.raises(type(error)) as raised:
        await raises(db, error)

    assert raised.value is error
    assert await names(connection) == []
    await add(db, "a")
    assert await names(connection) == ["a"]


async def test_what_a_block_did_is_undone_when_its_task_is_cancelled(
    db: Database, connection: asyncpg.Connection
) -> None:
    async def work() -> None:
        async with db.tx() as tx:
            await tx.execute(ADD, "a")
            await tx.execute("select pg_sleep(60)")

    async def sleeps() -> bool:
        """A cancellation that is faster than the statement would find nothing to cancel."""
        found: bool = await connection.fetchval(SLEEPS)
        return found

    task = asyncio.create_task(work())
    await until(sleeps)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await names(connection) == []
    await add(db, "a")


async def test_a_statement_that_fails_undoes_the_ones_before_it(
    db: Database, connection: asyncpg.Connection
) -> None:
    async def work() -> None:
        async with db.tx() as tx:
            await tx.execute(ADD, "a")
            await tx.execute("select from nowhere")

    with pytest.raises(asyncpg.UndefinedTableError):
        await work()

    assert await names(connection) == []


async def test_transact_commits_and_hands_on_what_the_work_returned(
    db: Database, connection: asyncpg.Connection
) -> None:
    async def work(tx: Tx) -> str:
        await tx.execute(ADD, "a")
        return "done"

    assert await db.transact(work) == "done"
    assert await names(connection) == ["a"]


async def test_transact_undoes_and_does_not_repeat_what_refuses(
    db: Database, connection: asyncpg.Connection
) -> None:
    tries = []

    async def work(tx: Tx) -> None:
        tries.append(1)
        await tx.execute(ADD, "a")
        raise Conflict("No.")

    with pytest.raises(Conflict):
        await db.transact(work)

    assert len(tries) == 1
    assert await names(connection) == []


class Deadlock:
    """Two works that take the same two rows in opposite order, each holding one first."""

    def __init__(self) -> None:
        self._both_hold_one = asyncio.Barrier(2)
        self.tries: list[str] = []

    async def take(self, tx: Tx, first: str, then: str) -> None:
        self.tries.append(first)
        await tx.execute("update things set name = name || '!' where name ~ $1", f"^{first}")
        if self.tries.count(first) == 1:
            await self._both_hold_one.wait()
        await tx.execute("update things set name = name || '?' where name ~ $1", f"^{then}")


async def test_a_deadlock_is_tried_again_from_the_start(
    db: Database, connection: asyncpg.Connection
) -> None:
    await add(db, "a", "b")
    deadlock = Deadlock()

    await asyncio.gather(
        db.transact(lambda tx: deadlock.take(tx, "a", "b")),
        db.transact(lambda tx: deadlock.take(tx, "b", "a")),
    )

    assert len(deadlock.tries) == 3, "one of the two was a victim, once"
    assert sorted(sorted(name) for name in await names(connection)) == [list("!?a"), list("!?b")]


async def test_a_work_that_lost_a_race_is_tried_again_from_the_start(
    db: Database, connection: asyncpg.Connection
) -> None:
    await add(db, "a")
    seen = []

    async def work(tx: Tx) -> None:
        await tx.execute("set transaction isolation level repeatable read")
        seen.append(await tx.fetchval(ALL))
        if len(seen) == 1:
            await connection.execute("update things set name = 'b'")
        await tx.execute("update things set name = name || '!'")

    await db.transact(work)

    assert seen == ["a", "b"]
    assert await names(connection) == ["b!"]


async def test_a_work_that_never_gets_through_is_given_up(db: Database) -> None:
    tries = []

    async def work(tx: Tx) -> None:
        tries.append(1)
        await tx.execute("do $$ begin raise sqlstate '40P01'; end $$")

    with pytest.raises(asyncpg.DeadlockDetectedError):
        await db.transact(work)
    assert len(tries) == RETRIES


async def test_a_commit_that_the_server_refuses_is_no_unknown_one(
    db: Database, connection: asyncpg.Connection
) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await add(db, "a", "a")

    assert await names(connection) == []


async def test_a_backend_that_dies_in_a_block_means_away_and_nothing_changed(
    db: Database, connection: asyncpg.Connection
) -> None:
    async def work() -> None:
        async with db.tx() as tx:
            await tx.execute(ADD, "a")
            await connection.execute(TERMINATE)
            await tx.execute(ADD, "b")

    with pytest.raises(DatabaseAway) as raised:
        await work()

    assert (raised.value.status, raised.value.code) == (503, "UNAVAILABLE")
    assert await names(connection) == []


async def test_the_pool_comes_back_by_itself_after_all_its_backends_died(
    db: Database, connection: asyncpg.Connection
) -> None:
    await asyncio.gather(*(add(db, str(number)) for number in range(8)))
    await connection.execute(TERMINATE)

    await until(lambda: is_back(db))
    await add(db, "back")

    assert "back" in await names(connection)


async def test_a_backend_that_dies_within_commit_leaves_the_outcome_unknown(
    db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute(SLOW_COMMIT)
    adding = asyncio.create_task(add(db, "slow"))
    await until(lambda: connection.fetchval(IN_COMMIT))
    await connection.execute(TERMINATE)

    with pytest.raises(CommitUnknown) as raised:
        await adding
    assert not isinstance(raised.value, DatabaseAway), "nobody may say that nothing was changed"
    assert isinstance(raised.value, Unavailable)
    assert await names(connection) == []
    await until(lambda: is_back(db))


@pytest.fixture
async def relay(database_url: str) -> AsyncIterator[Relay]:
    async with Relay(database_url).running() as relay:
        yield relay


@pytest.fixture
async def far(relay: Relay) -> AsyncIterator[Database]:
    """A pool on this test's database over a line that may break."""
    database = Database(relay.url, 2, "waypost test far")
    await database.open()
    yield database
    await database.close()


@pytest.mark.parametrize(("loss", "kept"), [(Loss.BEFORE, []), (Loss.AFTER, ["a"])])
async def test_a_line_that_breaks_within_commit_leaves_the_outcome_unknown(
    far: Database, relay: Relay, connection: asyncpg.Connection, loss: Loss, kept: list[str]
) -> None:
    relay.loss = loss
    with pytest.raises(CommitUnknown):
        await add(far, "a")

    assert await names(connection) == kept


async def test_a_transact_whose_commit_is_unknown_is_not_done_twice(
    far: Database, relay: Relay, connection: asyncpg.Connection
) -> None:
    relay.loss = Loss.AFTER
    with pytest.raises(CommitUnknown):
        await far.transact(lambda tx: tx.execute("insert into things values (gen_random_uuid())"))

    assert len(await names(connection)) == 1


async def test_a_server_that_is_gone_is_away(
    database_url: str, connection: asyncpg.Connection
) -> None:
    async with Relay(database_url).running() as relay:
        far = Database(relay.url, 2, "waypost test far")
        await far.open()
    await connection.execute(TERMINATE)

    for _ in range(3):
        with pytest.raises(DatabaseAway):
            await add(far, "a")
        assert not await is_back(far)
    await far.close()


async def test_a_pool_cannot_be_opened_where_no_server_is() -> None:
    database = Database(f"postgresql://postgres@127.0.0.1:{closed_port()}/x", 1, "waypost test")

    with pytest.raises(OSError, match="onnect"):
        await database.open()
    with pytest.raises(DatabaseAway):
        await add(database, "a")


async def test_a_pool_that_was_never_opened_or_is_closed_is_away(database_url: str) -> None:
    database = Database(database_url, 1, "waypost test")
    with pytest.raises(DatabaseAway):
        await add(database, "a")
    await database.open()
    await add(database, "a")
    await database.close()
    with pytest.raises(DatabaseAway):
        await add(database, "b")
    await database.close()


async def test_who_finds_no_free_connection_in_time_is_told_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_db, "ACQUIRE_SECONDS", 0.05)
    database = Database(database_url, 1, "waypost test")
    await database.open()
    async with database.tx():
        with pytest.raises(DatabaseAway):
            await add(database, "a")
    await add(database, "a")
    await database.close()


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("select $1::int", 2**31),
        ("select $1::bigint", 2**63),
        ("select $1::int", "seven"),
        ("select $1::text", 7),
        ("select $1::text", "\ud800"),
        ("select $1::uuid", "x"),
    ],
)
async def test_a_value_that_no_column_can_hold_is_a_fault_of_the_statement(
    db: Database, query: str, value: object
) -> None:
    with pytest.raises(asyncpg.DataError) as raised:
        async with db.tx() as tx:
            await tx.fetchval(query, value)
    assert not isinstance(raised.value, DatabaseAway)
    assert await is_back(db)


async def test_a_text_with_nul_is_a_fault_of_the_statement_too(db: Database) -> None:
    with pytest.raises(asyncpg.CharacterNotInRepertoireError):
        await add(db, "\0")


async def test_a_transaction_in_which_a_process_hangs_is_ended(
    database_url: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others wait for its locks no longer."""
    monkeypatch.setattr(kit_db, "HUNG_SECONDS", 0.2)
    hung = Database(database_url, 1, "waypost test hung")
    await hung.open()
    lock = "lock table things in exclusive mode"

    async def hang() -> None:
        async with hung.tx() as tx:
            await tx.execute(lock)
            await db.transact(lambda tx: tx.execute(lock))

    with pytest.raises(CommitUnknown):
        await hang()
    await add(hung, "a")
    await hung.close()


async def test_a_pool_tells_its_url_for_connections_of_their_own(
    db: Database, database_url: str
) -> None:
    assert db.url == database_url
