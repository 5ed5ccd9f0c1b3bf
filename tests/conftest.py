"""The rooms' common ground: a PostgreSQL, a fresh database for each test, a running server."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.support.databases import Template, clone, make_template
from tests.support.server import Server
from waypost.kit.db import Database
from waypost.kit.embedded import Embedded


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("waypost")


EXTERNAL = os.environ.get("WAYPOST_TEST_DATABASE_URL")
SERVERS = ["embedded", "external"] if EXTERNAL else ["embedded"]


@pytest.fixture(scope="session", params=SERVERS)
def postgres_url(request: pytest.FixtureRequest, data_root: Path) -> Iterator[str]:
    """The server the tests run on: the embedded one, and again the one that is named."""
    if request.param == "external":
        assert EXTERNAL is not None
        yield EXTERNAL
        return
    embedded = Embedded(data_root / "postgres-of-tests")
    try:
        yield embedded.start()
    finally:
        embedded.stop()


@pytest.fixture(scope="session")
def template(postgres_url: str) -> Iterator[Template]:
    """A migrated database with room for messages and a default pool, to be cloned."""
    made = asyncio.run(make_template(postgres_url))
    yield made
    asyncio.run(made.drop())


@pytest.fixture
def database_url(template: Template) -> Iterator[str]:
    """A database of this test's own."""
    with clone(template) as url:
        yield url


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A pool on this test's database."""
    database = Database(database_url, 8, "waypost test")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A bare connection to this test's database, for looking behind the product's back."""
    bare = await asyncpg.connect(database_url)
    yield bare
    await bare.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real `waypost serve` on an embedded PostgreSQL of its own, one for each test module."""
    with Server.started(tmp_path_factory.mktemp("server")) as running:
        yield running
