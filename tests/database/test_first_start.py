"""What a start finds missing in a database, and makes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg
import pytest

from tests.support.official import Number
from waypost.accounts.agree import OtherKey
from waypost.app.first_start import join, prepare
from waypost.app.migrate import Forgetful
from waypost.devices import vault
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.kit.seal import Sealer

OLD, NEW = "o" * 32, "n" * 32
CLOCK = SystemClock()


def settings(database_url: str, key: str, *previous: str) -> Settings:
    return Settings(
        database_url=database_url,
        jwt_secret="s" * 32,
        seal_key=key,
        seal_previous_keys=previous,
        admin_password="correct horse",
    )


async def test_a_start_with_a_new_seal_key_seals_with_it_what_the_former_one_sealed(
    database_url: str, db: Database
) -> None:
    await prepare(settings(database_url, OLD), database_url, CLOCK)
    device = await Number().make(db, sealer=Sealer([OLD]))
    await prepare(settings(database_url, NEW, OLD), database_url, CLOCK)
    await prepare(settings(database_url, NEW), database_url, CLOCK)

    async with db.read() as tx:
        assert await vault.opened(tx, Sealer([NEW]), device.id) == Number().secrets


async def test_a_start_with_another_seal_key_than_the_database_knows_is_refused(
    database_url: str,
) -> None:
    await prepare(settings(database_url, OLD), database_url, CLOCK)

    for start in (prepare, join):
        with pytest.raises(OtherKey, match="WAYPOST_SEAL_PREVIOUS_KEYS"):
            await start(settings(database_url, NEW), database_url, CLOCK)


async def test_the_data_directorys_own_key_is_agreed_with_nobody(database_url: str) -> None:
    own = replace(settings(database_url, OLD), database_url=None)
    await prepare(own, database_url, CLOCK)
    await prepare(replace(own, seal_key=NEW), database_url, CLOCK)
    await join(replace(own, seal_key=NEW), database_url, CLOCK)


async def commits_wait(connection: asyncpg.Connection, waits: str) -> None:
    """Of whoever connects from now on."""
    name = await connection.fetchval("select current_database()")
    await connection.execute(f'alter database "{name}" set synchronous_commit = {waits}')


@pytest.mark.parametrize("start", [prepare, join])
async def test_a_database_that_confirms_what_it_may_forget_is_refused(
    database_url: str, connection: asyncpg.Connection, start: Callable[..., Awaitable[object]]
) -> None:
    await commits_wait(connection, "off")

    with pytest.raises(Forgetful, match="Set synchronous_commit to on"):
        await start(settings(database_url, OLD), database_url, CLOCK)


@pytest.mark.parametrize("waits", ["on", "local", "remote_apply"])
async def test_how_long_a_commit_waits_beyond_the_disk_is_its_servers_affair(
    database_url: str, connection: asyncpg.Connection, waits: str
) -> None:
    await commits_wait(connection, waits)

    await prepare(settings(database_url, OLD), database_url, CLOCK)
