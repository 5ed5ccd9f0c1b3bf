"""`waypost serve` as its operator meets it: greeting, refusals, processes, stops."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.journeys.load import FREE, SEND
from tests.support.processes import Box, box, started, until, waypost
from tests.support.server import ADMIN_PASSWORD, Server, free_port

STOP_SECONDS = 10.0
PLAIN, SLOW = "27821234567", "27821230005"
STATUS = "/api/messages/message-status"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One box for the tests that leave it as they found it."""
    with box(tmp_path_factory.mktemp("box"), **FREE) as made:
        yield made


@pytest.fixture
def token(running: Box, request: pytest.FixtureRequest) -> str:
    """A customer of this test's own."""
    name = request.node.name[:30]
    running.server.register(name)
    return running.server.login(name)


def send(server: Server, token: str, number: str = PLAIN) -> httpx.Response:
    return server.post(SEND, {"number": number, "message": "Hello"}, token)


def status(server: Server, token: str, queue_id: str) -> str:
    found: str = server.get(f"{STATUS}/{queue_id}", token).json()["status"]
    return found


# The greeting, and what must stay secret.


def test_the_first_start_says_what_one_needs_once(tmp_path: Path) -> None:
    with box(tmp_path, ADMIN_PASSWORD="") as first:
        until(lambda: "Try it:" in first.server.log and "curl" in first.server.log, "greeting")
        said = first.server.log
        url = first.server.url
        assert f"Waypost is ready at {url}\n" in said
        assert f"{url}/docs" in said
        assert first.server.get("/docs").status_code == 200
        assert "three sandbox devices: simulated, nothing reaches WhatsApp" in said
        (password,) = [line.split()[1] for line in said.splitlines() if "shown this once" in line]
        (curl,) = [line for line in said.splitlines() if line.strip().startswith("curl")]
        answer = subprocess.run(["bash", "-c", curl], capture_output=True, text=True)
        assert json.loads(answer.stdout)["is_admin"] is True, answer

        assert first.server.stop() == 0
        first.server.start()
        until(lambda: "curl" in first.server.log.removeprefix(said), "second greeting")
        again = first.server.log.removeprefix(said)
        assert password not in again
        assert "shown this once" not in again
        assert "sandbox" not in again
        assert first.server.login("admin", password)


def test_the_greeting_can_be_copied_whatever_the_host_and_the_name(tmp_path: Path) -> None:
    name = "[/o'brien]:smile:"
    with box(tmp_path, ADMIN_USERNAME=name, ADMIN_PASSWORD="", HOST="::") as first:
        until(lambda: "Try it:" in first.server.log and "curl" in first.server.log, "greeting")
        said = first.server.log
        assert f"Administrator  {name}\n" in said
        assert f"http://[::1]:{first.server.port}/docs\n" in said
        (curl,) = [line for line in said.splitlines() if line.strip().startswith("curl")]
        answer = subprocess.run(["bash", "-c", curl], capture_output=True, text=True)
        assert json.loads(answer.stdout)["username"] == name, answer


def test_secrets_stay_where_they_belong(tmp_path: Path) -> None:
    """Neither files nor logs nor the list of processes give them away, whatever is logged."""
    text, number = "a text that is nobody's business", "27821230006"
    with box(tmp_path, LOG_LEVEL="debug") as talkative:
        server = talkative.server
        server.register("teller", "a password to keep")
        token = server.login("teller", "a password to keep")
        body = {"number": number, "message": text}
        queue_id = server.post(SEND, body, token).json()["queue_id"]
        until(lambda: status(server, token, queue_id) == "Read", "read")
        until(lambda: "Try it:" in server.log, "greeting")
        keys = [(tmp_path / name).read_text().strip() for name in ("jwt-secret", "seal-key")]
        shown = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout
        environs = [Path(f"/proc/{pid}/environ").read_bytes() for pid in talkative.pids]
        with_settings = [environ for environ in environs if b"WAYPOST_ADMIN_PASSWORD" in environ]

        for name in ("jwt-secret", "seal-key"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        assert min(map(len, keys)) >= 32
        assert '"level": "debug"' in server.log
        for hidden in (*keys, ADMIN_PASSWORD, token, "a password to keep", text, number):
            assert hidden not in server.log
            assert hidden not in shown
        assert not any(key.encode() in b"".join(environs) for key in keys)
        assert len(with_settings) == 1, "only the supervisor's, as it was started"


# Refusals: a sentence, an exit code, and nothing left behind.


def refused(*arguments: str, **environ: str) -> str:
    """What a start says that is refused."""
    ended = waypost("serve", *arguments, **environ)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert "Traceback" not in said
    return said


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        said = refused("--data-dir", str(tmp_path), "--port", port)

    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in said
    assert list(tmp_path.iterdir()) == []


def test_every_bad_setting_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "waypost.toml"
    config.write_text('api_processes = 0\nnothing = "of the kind"\n')
    data_dir = tmp_path / "data"
    said = refused(
        *("--data-dir", str(data_dir), "--config", str(config), "--port", "70000"),
        LOG_LEVEL="loud",
        JWT_SECRET="short",
        RATE_LIMIT_SEND="often",
        HOTS="127.0.0.1",
    )

    assert len(said.splitlines()) == 1 + 7
    assert f"{config}: api_processes: got 0" in said
    assert f"{config}: nothing: no such setting" in said
    assert "--port: got 70000" in said
    assert "WAYPOST_LOG_LEVEL: got 'loud'" in said
    assert "WAYPOST_JWT_SECRET: got a value that is not shown" in said
    assert "WAYPOST_RATE_LIMIT_SEND: got 'often'" in said
    assert "WAYPOST_HOTS: no such setting; did you mean WAYPOST_HOST?" in said
    assert not data_dir.exists()


def test_a_second_serve_on_one_folder(running: Box) -> None:
    said = refused("--data-dir", str(running.server.data_dir), "--port", str(free_port()))

    assert f"Another Waypost already runs on {running.server.data_dir}" in said
    assert running.is_whole()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Root writes everywhere, but for what no user can write."""
    closed = Path("/proc/self") if os.geteuid() == 0 else tmp_path
    tmp_path.chmod(0o500)
    said = refused("--data-dir", str(closed / "data"), "--port", str(free_port()))

    assert f"PostgreSQL cannot run in {closed}/data" in said


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    assert str(file) in refused("--data-dir", str(file), "--port", str(free_port()))


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    url = f"postgresql://waypost:its-password@127.0.0.1:{free_port()}/waypost"
    said = refused(
        "--port", str(free_port()), DATABASE_URL=url, JWT_SECRET="s" * 32, SEAL_KEY="k" * 32
    )

    assert "The database cannot be reached" in said
    assert "its-password" not in said


# Several API processes.


def test_more_api_processes_need_a_store_to_share(tmp_path: Path) -> None:
    said = refused("--data-dir", str(tmp_path), "--api-processes", "2")

    assert "more than one needs WAYPOST_LIMITS_URL, a Redis or Valkey" in said


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A Redis of this test's own; where its program is missing, the machine's."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield machines_redis()
        return
    port = free_port()
    flags = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *flags], stdout=subprocess.DEVNULL) as process:
        try:
            until(lambda: answers(port), "Redis answers")
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()


def machines_redis() -> str:
    import redis  # only here: the tests need no client of their own elsewhere

    if not answers(6379):
        pytest.fail(
            "no Redis answers at 127.0.0.1:6379, and there is no program to start one:"
            " install the Debian package redis-server"
        )
    url = "redis://127.0.0.1:6379/15"
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter("LIMITS*"):  # an earlier run's
            client.delete(key)
    return url


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def test_two_api_processes_share_the_limits(tmp_path: Path, redis_url: str) -> None:
    settings = {**FREE, "LIMITS_URL": redis_url, "RATE_LIMIT_SEND": "20/minute"}
    with box(tmp_path, "--api-processes", "2", **settings) as two:
        assert [len(pids) for pids in two.parts.values()] == [1, 2, 1, 1]
        server = two.server
        server.register("sender")
        token = server.login("sender")
        until(lambda: len({process(server.get("/healthz")) for _ in range(8)}) == 2, "both answer")

        came = [send(server, token) for _ in range(30)]
        assert [answer.status_code for answer in came] == [200] * 20 + [429] * 10
        assert len({process(answer) for answer in came[:20]}) == 2
        assert two.server.stop() == 0


def process(answer: httpx.Response) -> str:
    """Which process answered: the number of its requests is the id's end."""
    return answer.headers["x-request-id"][:-8]


# The API and the worker apart.


def test_without_a_worker_messages_are_accepted_and_wait_for_one(tmp_path: Path) -> None:
    with box(tmp_path, "--no-worker", **FREE) as apart:
        server = apart.server
        server.register("sender")
        token = server.login("sender")
        accepted = send(server, token)
        assert accepted.status_code == 200
        assert accepted.json()["queue_type"] == "docker"
        queue_id = accepted.json()["queue_id"]
        assert readiness(server) == (503, {"database": True, "schema": True, "worker": False})

        with started("worker", "--data-dir", str(tmp_path)) as beside:
            until(lambda: status(server, token, queue_id) == "Read", "read")
            assert readiness(server) == (200, {"database": True, "schema": True, "worker": True})
            beside.terminate()
            assert beside.wait(STOP_SECONDS) == 0
        until(lambda: readiness(server)[0] == 503, "not ready without a worker")


def test_a_worker_follows_a_server_that_is_started_again(tmp_path: Path) -> None:
    """Its embedded database then has another address."""
    with (
        box(tmp_path, "--no-worker", **FREE) as apart,
        started("worker", "--data-dir", str(tmp_path)) as beside,
    ):
        until(lambda: readiness(apart.server)[0] == 200, "the worker works")
        assert apart.server.stop() == 0
        apart.server.start()
        until(lambda: readiness(apart.server)[0] == 200, "and again")
        # Until its lease is over the worker that was counts as one; that it followed is news.
        until(lambda: asyncio.run(workers_so_far(apart)) == 2, "it follows")
        beside.terminate()
        assert beside.wait(STOP_SECONDS) == 0


async def workers_so_far(apart: Box) -> int:
    connection = await asyncpg.connect(apart.database_url)
    try:
        count: int = await connection.fetchval("select count(*) from workers")
        return count
    finally:
        await connection.close()


def readiness(server: Server) -> tuple[int, dict[str, bool]]:
    answer = server.get("/readyz")
    return answer.status_code, answer.json()["checks"]
