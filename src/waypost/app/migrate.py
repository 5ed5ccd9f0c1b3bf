"""Brings a database to the newest schema."""

import logging
from importlib.resources import files

import asyncpg

from waypost.kit.db import Tx

MIGRATIONS = files("waypost.migrations")
OLDEST_SERVER = 15
LOCK = 0x57617970  # "Wayp": one migration at a time, whatever machine it starts on


class TooOld(Exception):
    """The server is older than we can use."""


class Forgetful(Exception):
    """The server confirms what it has not written down yet."""

    def __init__(self) -> None:
        super().__init__(
            "This database confirms commits before they are on its disk (synchronous_commit is"
            " off): a crash of it would lose accepted messages, or send some twice. Set"
            " synchronous_commit to on for Waypost's role: alter role ... set synchronous_commit"
            " = on."
        )


class TooNew(Exception):
    """The schema is one that this version does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"This database was made by a newer Waypost (revision {revision}): use that version."
        )


async def migrate(url: str) -> str:
    """Run the steps that are missing; returns the revision the database is at."""
    connection = await asyncpg.connect(url)
    try:
        _check_version(connection)
        if not await keeps_commits(connection):
            raise Forgetful
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        revision = await current(connection)
        check_known(revision)
        if revision != newest():
            await _upgrade(url)
        return newest()
    finally:
        await connection.close()


async def keeps_commits(connection: Tx) -> bool:
    """Whether what is committed outlives a crash of the server.

    What else it waits for, such as a standby, is its administrator's choice: nothing here sets it.
    """
    setting: str = await connection.fetchval("show synchronous_commit")
    return setting != "off"


async def current(connection: Tx) -> str | None:
    """The revision the database is at; None where nothing was laid down."""
    if await connection.fetchval("select to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("select version_num from alembic_version")
    return revision


def newest() -> str:
    """The last step's revision."""
    return max(_revisions())


def check_known(revision: str | None) -> None:
    """Raise TooNew for a revision that none of our steps leads to."""
    if revision is not None and revision not in _revisions():
        raise TooNew(revision)


def _revisions() -> set[str]:
    """Every step's revision, read off the file names (0001_house.py, 0002_…)."""
    steps = (step.name for step in MIGRATIONS.joinpath("versions").iterdir())
    return {name.split("_")[0] for name in steps if name[:4].isdigit()}


def _check_version(connection: asyncpg.Connection) -> None:
    version = connection.get_server_version()
    if version.major < OLDEST_SERVER:
        raise TooOld(
            f"PostgreSQL {version.major} is too old: Waypost needs {OLDEST_SERVER} or newer."
        )


async def _upgrade(url: str) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it talks while it is imported
    # Imported here because a start on an up-to-date database needs neither of them, and the two
    # cost half a second and 40 MB.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: asyncpg.connect(url)
    )
    async with engine.connect() as connection:

        def upgrade(sync_connection: object) -> None:
            config.attributes["connection"] = sync_connection
            command.upgrade(config, "head")

        await connection.run_sync(upgrade)
        await connection.commit()
    await engine.dispose()
