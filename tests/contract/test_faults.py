"""What a client sees of our own troubles: a crash inside, a database that is away."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.contract.answers import BULK, HISTORY, NUMBER, SEND, STATUS, accepted, refused
from tests.support.processes import until
from tests.support.server import Server
from waypost.kit.embedded import Embedded, running_url

HELLO = {"number": NUMBER, "message": "Hello"}
UNKNOWN_ID = "msg_" + "0" * 32


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """An ordinary account's."""
    server.register("fay")
    return server.login("fay")


def _send(server: Server, token: str) -> httpx.Response:
    return server.post(SEND, HELLO, token)


@pytest.mark.parametrize(
    ("table", "ask"),
    [
        ("templates", lambda server, token: server.get("/api/templates", token)),
        ("message_counts", lambda server, token: server.get(HISTORY, token)),
        ("messages", _send),
    ],
    ids=["a route of FastAPI's", "history", "the lean lane"],
)
def test_a_fault_of_ours_tells_nothing_of_the_inside(
    server: Server, token: str, table: str, ask: Callable[[Server, str], httpx.Response]
) -> None:
    """A table that is gone is a fault that no code foresees."""
    with _renamed(server, table):
        said = refused(ask(server, token), 500, "INTERNAL_ERROR")

    assert said["message"] == "Internal server error"
    until(lambda: said["request_id"] in server.log, "our log names the request")
    accepted(ask(server, token))


def test_a_send_that_met_a_fault_costs_nothing(server: Server) -> None:
    server.register("unlucky")
    token = server.login("unlucky")
    with _renamed(server, "messages"):
        refused(_send(server, token), 500, "INTERNAL_ERROR")

    assert accepted(server.get("/api/users/user/credits", token))["credits"] == 100
    assert accepted(server.get(HISTORY, token))["messages"] == []


@pytest.mark.parametrize(
    ("path", "media"),
    [
        ("/callbacks/cloud/1", "application/json"),
        ("/api/media", "multipart/form-data; boundary=x"),
        ("/api/templates", "application/json"),
        (SEND, "application/json"),
    ],
    ids=["a callback", "a file", "a route of FastAPI's", "the lean lane"],
)
def test_a_client_that_hangs_up_in_its_body_is_no_fault_of_ours(
    server: Server, token: str, path: str, media: str
) -> None:
    head = [
        f"POST {path} HTTP/1.1",
        "Host: waypost",
        f"Authorization: Bearer {token}",
        f"Content-Type: {media}",
        "Content-Length: 100",
    ]
    before, log = _refused(server), len(server.log)

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall("\r\n".join([*head, "", json.dumps(HELLO)]).encode())

    until(lambda: _refused(server) == before + 1, "it is counted as a request that was wrong")
    assert "request." not in server.log[log:]


def _refused(server: Server) -> int:
    """How many requests were answered with 400."""
    lines = server.get("/metrics").text.splitlines()
    counts = [line for line in lines if "http_request_seconds_count" in line]
    return sum(round(float(line.split()[-1])) for line in counts if 'status="400"' in line)


def test_while_the_database_is_away_and_after(tmp_path: Path) -> None:
    postgres = Embedded(tmp_path / "database")
    url = postgres.start()
    try:
        keys = {"JWT_SECRET": "s" * 48, "SEAL_KEY": "k" * 48}
        with Server.started(tmp_path / "server", DATABASE_URL=url, **keys) as server:
            token = server.admin()
            _kill(tmp_path / "database")
            _see_it_unavailable(server, token)

            postgres.start()

            server.wait_until_ready()
            accepted(server.get(HISTORY, token))
    finally:
        postgres.stop()


def _see_it_unavailable(server: Server, token: str) -> None:
    for answer in (
        server.post("/api/auth/login", {"username": "admin", "password": "password123"}),
        server.post(SEND, HELLO, token),
        server.post(BULK, {"numbers": [NUMBER], "message": "Hello"}, token),
        server.get(f"{STATUS}/{UNKNOWN_ID}", token),
        server.get(HISTORY, token),
        server.get("/api/templates", token),
    ):
        refused(answer, 503, "UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0
    assert server.get("/readyz").status_code == 503
    assert server.get("/healthz").status_code == 200


@contextmanager
def _renamed(server: Server, table: str) -> Iterator[None]:
    """The table under another name for the length of the block."""
    url = running_url(server.data_dir)
    assert url is not None
    asyncio.run(_execute(url, f"alter table {table} rename to {table}_gone"))
    try:
        yield
    finally:
        asyncio.run(_execute(url, f"alter table {table}_gone rename to {table}"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _kill(data_dir: Path) -> None:
    """End PostgreSQL as a power cut does; the one who started it has not noticed yet."""
    pid = int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
