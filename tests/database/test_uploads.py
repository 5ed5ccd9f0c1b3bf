"""Files that are brought to one process at once leave its connections to the others."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from tests.support.asgi import opened as opened_app
from tests.support.messages import until
from tests.support.people import PASSWORD, opened
from tests.support.samples import PNG
from waypost.app.api import assemble
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.media.api import UPLOADS_AT_ONCE

SETTINGS = Settings(jwt_secret="s" * 32, seal_key="k" * 32, rate_limit_auth=None)
CONNECTIONS = UPLOADS_AT_ONCE + 3
UPLOADS = 2 * CONNECTIONS
WRITING = "select count(*) from pg_locks where not granted and relation = 'media'::regclass"


@pytest.fixture
async def client(database_url: str, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An account of a process with few connections."""
    await opened(db, "owner")
    few = Database(database_url, CONNECTIONS, "waypost api")
    async with opened_app(assemble(SETTINGS, few, "embedded")) as client:
        body = {"username": "owner", "password": PASSWORD}
        session = (await client.post("/api/auth/login", json=body)).json()
        client.headers["Authorization"] = f"Bearer {session['access_token']}"
        yield client


async def upload(client: httpx.AsyncClient, n: int) -> int:
    file = (f"{n}.png", PNG + bytes([n]))
    return (await client.post("/api/media", files={"file": file})).status_code


async def test_sends_are_taken_while_many_files_are_written(
    client: httpx.AsyncClient, connection: asyncpg.Connection
) -> None:
    async def are_writing() -> bool:
        count: int = await connection.fetchval(WRITING)
        return count >= UPLOADS_AT_ONCE

    async with connection.transaction():
        await connection.execute("lock table media")
        uploads = [asyncio.create_task(upload(client, n)) for n in range(UPLOADS)]
        await until(are_writing)
        for n in range(20):
            body = {"number": f"278212345{n:02}", "message": "Hello"}
            answer = await client.post("/api/messages/send-message", json=body)
            assert answer.status_code == 200, answer.text
        assert await connection.fetchval(WRITING) == UPLOADS_AT_ONCE

    assert await asyncio.gather(*uploads) == [201] * UPLOADS
