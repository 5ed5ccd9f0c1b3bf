"""The processes of one box: they stop in good order, end with their parent, and heal."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import asyncpg
import httpx
import pytest

from tests.journeys import books
from tests.journeys.load import FREE, SEND, Customer, Load
from tests.support.processes import (
    API,
    POSTGRES,
    SUPERVISOR,
    WORKER,
    Box,
    box,
    frozen,
    until,
)
from tests.support.server import Server
from waypost.kit.embedded import Embedded

STOP_SECONDS = 10.0
PLAIN, SLOW = "27821234567", "27821230005"
STATUS = "/api/messages/message-status"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """One box for the tests that leave it whole."""
    with box(tmp_path_factory.mktemp("box"), **FREE) as made:
        yield made


@pytest.fixture
def customer(running: Box, request: pytest.FixtureRequest) -> Customer:
    return Customer.new(running.server, request.node.name[-30:])


def send(server: Server, customer: Customer, number: str = PLAIN) -> httpx.Response:
    return server.post(SEND, {"number": number, "message": "Hello"}, customer.token)


def sent(server: Server, customer: Customer, number: str = PLAIN) -> str:
    """The queue id of a message that was accepted."""
    answer = send(server, customer, number)
    assert answer.status_code == 200, answer.text
    queue_id: str = answer.json()["queue_id"]
    return queue_id


def status(server: Server, customer: Customer, queue_id: str) -> str:
    found: str = server.get(f"{STATUS}/{queue_id}", customer.token).json()["status"]
    return found


def ends(server: Server, customer: Customer, queue_id: str, seconds: float = 20.0) -> None:
    until(lambda: status(server, customer, queue_id) == "Read", "read", seconds)


@contextmanager
def ending(box: Box, within: float = STOP_SECONDS) -> Iterator[None]:
    """The block asks the box to stop: it does so in time and in good order, and nothing is left."""
    assert box.server.process is not None
    begun = time.monotonic()
    yield
    assert box.server.process.wait(within + 20) == 0
    seconds = time.monotonic() - begun
    assert seconds < within, f"it took {seconds:.1f} s"
    assert box.is_gone()
    assert "child.killed" not in box.server.log


@contextmanager
def database(data_dir: Path) -> Iterator[Callable[[str], object]]:
    """Questions to the database of a box that has stopped."""
    embedded = Embedded(data_dir)
    url = embedded.start()

    async def value(query: str) -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    try:
        yield lambda query: asyncio.run(value(query))
    finally:
        embedded.stop()


# Stops.


async def test_a_stop_under_load_answers_what_it_took(tmp_path: Path) -> None:
    """Every request has its answer or did not happen; what was accepted is there afterwards."""
    with box(tmp_path, SIGNUP_CREDITS="10000", **FREE) as busy:
        customers = [Customer.new(busy.server, f"customer{n}") for n in range(4)]
        load = Load(busy.server.url, Random(7), "stop")
        with ending(busy):
            async with load.under_way(customers * 4, 100, first=200):
                busy.server.process.terminate()
        assert load.unreached, "the door was closed in mid-load"
        await asyncio.to_thread(busy.server.start)
        connection = await asyncpg.connect(busy.database_url)
        await books.accepted_once(connection, [load])
        accepted = await connection.fetchval("select count(*) from messages")
        await connection.close()
        assert accepted == len(list(load.promised()))
        await books.follow(load, 20)


def test_a_stop_finishes_what_is_on_its_way(tmp_path: Path) -> None:
    """A slow send gets its outcome; what is claimed and not sent is given back."""
    with box(tmp_path, **FREE) as slow:
        who = Customer.new(slow.server, "slow")
        queue_id = sent(slow.server, who, SLOW)
        until(lambda: status(slow.server, who, queue_id) == "Sending", "on its way")
        with ending(slow):
            slow.server.process.terminate()
        with database(tmp_path) as ask:
            assert ask("select status from messages") == "Sent"
            assert ask("select count(*) from pgqueuer") == 0


def test_a_short_stop_gives_back_what_it_cannot_finish(tmp_path: Path) -> None:
    """The next start takes it up at once, and need not wait for a dead worker's claim to end."""
    with box(tmp_path, STOP_SECONDS="6", **FREE) as slow:
        who = Customer.new(slow.server, "slow")
        queue_id = sent(slow.server, who, SLOW)
        until(lambda: status(slow.server, who, queue_id) == "Sending", "on its way")
        with ending(slow, 6):
            slow.server.process.terminate()
        assert "pool.left_under_way" in slow.server.log
        with database(tmp_path) as ask:
            assert ask("select count(*) from pgqueuer where status = 'picked'") == 0


def test_a_request_that_never_ends_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    with box(tmp_path, **FREE) as patient:
        token = Customer.new(patient.server, "hesitant").token
        head = f"POST {SEND} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        with socket.create_connection(("127.0.0.1", patient.server.port)) as half:
            half.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            assert patient.server.get("/healthz").status_code == 200
            with ending(patient):
                patient.server.process.terminate()


@pytest.fixture
def at_a_terminal() -> Iterator[None]:
    """What starts meanwhile hears of a hang-up, also where these tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("at_a_terminal")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "hang-up"])
def test_the_terminal_ends_all_in_good_order(tmp_path: Path, sign: signal.Signals) -> None:
    """It tells every process of its foreground group at once."""
    with box(tmp_path, **FREE) as foreground:
        who = Customer.new(foreground.server, "somebody")
        queue_id = sent(foreground.server, who, SLOW)
        until(lambda: status(foreground.server, who, queue_id) == "Sending", "on its way")
        with ending(foreground):
            os.killpg(foreground.server.pid, sign)
        assert "Traceback" not in foreground.server.log
        with database(tmp_path) as ask:
            assert ask("select status from messages") == "Sent"


def test_ctrl_c_during_the_start(tmp_path: Path) -> None:
    with box(tmp_path, **FREE) as foreground:
        server = foreground.server
        server.stop()
        for moment in (0.0, 0.2, 0.4):  # of the children's own start
            server.launch()
            until(lambda: len(foreground.pids) == 3, "the children have begun")
            time.sleep(moment)
            with ending(foreground):
                os.killpg(server.pid, signal.SIGINT)
            assert "Traceback" not in server.log


# Deaths.


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    with box(tmp_path, **FREE) as orphaned:
        orphaned.kill(SUPERVISOR)
        until(lambda: not orphaned.pids, "the API and the worker end", 5)
        orphaned.server.start()  # PostgreSQL, which had survived, is replaced
        assert orphaned.is_whole()


@pytest.mark.parametrize("part", [API, WORKER])
def test_a_child_that_dies_is_started_again(running: Box, customer: Customer, part: str) -> None:
    before = running.parts
    running.kill(part)
    queue_id = sent(running.server, customer)
    until(running.is_whole, "whole")

    after = running.parts
    assert {name for name in after if after[name] != before[name]} == {part}
    ends(running.server, customer, queue_id)


def test_what_a_dead_worker_had_in_flight_is_not_counted(tmp_path: Path) -> None:
    with box(tmp_path, **FREE) as slow:
        sent(slow.server, Customer.new(slow.server, "slow"), SLOW)
        until(lambda: in_flight(slow.server) == 1, "in flight")
        slow.kill(WORKER)
        until(lambda: in_flight(slow.server) == 0, "forgotten", 5)


def in_flight(server: Server) -> float:
    lines = server.get("/metrics").text.splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith("waypost_in_flight "))


def test_the_counters_of_a_killed_box_are_cleared_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one that lives stay."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with box(tmp_path / "living", **FREE) as living, box(tmp_path / "killed", **FREE) as killed:
        before = counters(tmp_path)
        assert len(before) == 2
        killed.kill(SUPERVISOR)
        until(lambda: not killed.pids, "the API and the worker end", 5)
        killed.server.start()
        after = counters(tmp_path)
        assert (len(after), len(after - before)) == (2, 1)
        assert "waypost_in_flight" in living.server.get("/metrics").text


def counters(folder: Path) -> set[Path]:
    """The folders in which boxes keep them."""
    return set(folder.glob("waypost-metrics-*"))


def test_while_postgres_is_away_answers_say_so(running: Box, customer: Customer) -> None:
    """503 with Retry-After, never another; then it is back, and so are they."""
    server = running.server
    queue_id = sent(server, customer)
    with frozen(server.pid):  # so that nobody starts PostgreSQL again
        running.kill(POSTGRES)
        asked = {
            "send": send(server, customer),
            "status": server.get(f"{STATUS}/{queue_id}", customer.token),
            "profile": server.get("/api/users/user/profile", customer.token),
            "login": server.post("/api/auth/login", {"username": "x", "password": "y" * 8}),
        }
        for name, answer in asked.items():
            assert answer.status_code == 503, name
            assert answer.json()["error"] == "UNAVAILABLE"
            assert int(answer.headers["retry-after"]) >= 1
        ready = server.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] is False
        assert server.get("/healthz").status_code == 200
        assert server.get("/metrics").status_code == 200

    until(running.is_whole, "whole")
    assert send(server, customer).status_code == 200
    ends(server, customer, queue_id)
