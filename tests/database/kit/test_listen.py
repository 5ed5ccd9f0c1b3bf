"""The listener hears while it says so, and comes back by itself however it was cut off."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.support.databases import named
from tests.support.messages import until
from waypost.kit.listen import PROBE_SECONDS, Listener

OURS = """
select pid from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'
"""
TERMINATE = f"select pg_terminate_backend(pid) from ({OURS}) as ours"


class Ear:
    """A running listener on two channels, and what it heard."""

    def __init__(self, url: str) -> None:
        self.accounts: list[str] = []
        self.lanes: list[str] = []
        hearers = {"accounts": self.accounts.append, "lanes": self.lanes.append}
        self.listener = Listener(url, hearers)

    async def is_open(self) -> bool:
        return self.listener.is_connected

    async def is_shut(self) -> bool:
        return not self.listener.is_connected

    async def heard_by_accounts(self, text: str) -> bool:
        return text in self.accounts

    async def heard_by_lanes(self, text: str) -> bool:
        return text in self.lanes


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Ear]:
    ear = Ear(url)
    task = asyncio.create_task(ear.listener.run())
    await until(ear.is_open)
    try:
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled(), "it listened until it was cancelled"


@pytest.fixture
async def ear(database_url: str) -> AsyncIterator[Ear]:
    async with listening(database_url) as ear:
        yield ear


async def notify(connection: asyncpg.Connection, channel: str, text: str) -> None:
    await connection.execute("select pg_notify($1, $2)", channel, text)


async def test_each_channel_has_its_own_hearer(ear: Ear, connection: asyncpg.Connection) -> None:
    await notify(connection, "accounts", "17")
    await notify(connection, "nobody", "x")
    await notify(connection, "lanes", "pool 1")

    await until(lambda: ear.heard_by_lanes("pool 1"))
    assert (ear.accounts, ear.lanes) == (["17"], ["pool 1"])


async def test_what_is_rolled_back_is_never_heard(ear: Ear, connection: asyncpg.Connection) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await notify(connection, "accounts", "undone")
    await transaction.rollback()
    await notify(connection, "accounts", "done")

    await until(lambda: ear.heard_by_accounts("done"))
    assert ear.accounts == ["done"]


async def test_whoever_says_to_be_connected_hears_what_is_said_from_then_on(
    database_url: str, connection: asyncpg.Connection
) -> None:
    for number in range(5):
        async with listening(database_url) as ear:
            await notify(connection, "accounts", str(number))
            await until(lambda ear=ear, number=number: ear.heard_by_accounts(str(number)))


async def test_a_listener_that_does_not_run_is_not_connected(database_url: str) -> None:
    ear = Ear(database_url)
    assert not ear.listener.is_connected

    async with listening(database_url) as running:
        assert running.listener.is_connected
    assert not running.listener.is_connected


async def test_a_listener_leaves_no_backend_behind(
    database_url: str, connection: asyncpg.Connection
) -> None:
    async with listening(database_url):
        assert len(await connection.fetch(OURS)) == 1

    async def is_alone() -> bool:
        return await connection.fetch(OURS) == []

    await until(is_alone)


async def test_a_listener_whose_backend_died_says_so_soon_and_hears_again(
    ear: Ear, connection: asyncpg.Connection
) -> None:
    await notify(connection, "accounts", "once")
    await until(lambda: ear.heard_by_accounts("once"))
    [before] = await connection.fetch(OURS)
    began = time.monotonic()
    await connection.execute(TERMINATE)

    await until(ear.is_shut)
    await until(ear.is_open)
    assert time.monotonic() - began < PROBE_SECONDS * 0.8, "it is told, it need not ask"
    [after] = await connection.fetch(OURS)
    await notify(connection, "accounts", "again")
    await until(lambda: ear.heard_by_accounts("again"))
    assert before["pid"] != after["pid"]


async def allow_connections(url: str, allowed: bool) -> None:
    """Open or shut the database to everybody new."""
    name = urlsplit(url).path.removeprefix("/")
    outside = await asyncpg.connect(named(url, "postgres"))
    await outside.execute(f'alter database "{name}" allow_connections {allowed}')
    await outside.close()


async def test_a_listener_outlasts_a_database_that_lets_nobody_in(
    ear: Ear, connection: asyncpg.Connection, database_url: str
) -> None:
    await allow_connections(database_url, False)
    await connection.execute(TERMINATE)
    await until(ear.is_shut)
    for _ in range(20):
        assert not ear.listener.is_connected
        await asyncio.sleep(0.05)

    await allow_connections(database_url, True)
    await until(ear.is_open)
    await notify(connection, "lanes", "again")
    await until(lambda: ear.heard_by_lanes("again"))


async def test_a_listener_waits_for_a_server_that_is_not_there_yet() -> None:
    ear = Ear("postgresql://postgres@127.0.0.1:1/x")
    task = asyncio.create_task(ear.listener.run())
    done, _ = await asyncio.wait([task], timeout=0.2)

    assert not done
    assert not ear.listener.is_connected
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
