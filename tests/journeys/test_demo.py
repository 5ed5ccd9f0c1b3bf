"""`waypost demo`: a customer's day ends well, and leaves nothing behind."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.support.processes import until
from tests.support.server import children_of, free_port, own_environ

DEMO = [sys.executable, "-m", "waypost", "demo"]
SECONDS = 90.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A temporary folder of the test's own, and a setting that a demo must not follow."""
    elsewhere = {"WAYPOST_DATABASE_URL": "postgresql://127.0.0.1:1/not-the-demo's"}
    return own_environ() | elsewhere | {"TMPDIR": str(tmp_path)}


def test_the_story_is_told_in_plain_lines_where_there_is_no_terminal(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    ended = subprocess.run(DEMO, env=environ, capture_output=True, text=True, timeout=SECONDS)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\x1b" not in ended.stdout
    assert _ends(ended.stdout) == {"Read": 8, "Failed": 2, "Sent": 1, "Delivered": 1}
    assert "The number is not on WhatsApp" in ended.stdout
    assert "2 credits came back for what failed; the balance of 90 is the sum" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_shows_the_messages_as_a_live_table(environ: dict[str, str]) -> None:
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        DEMO, env=environ | {"COLUMNS": "100", "TERM": "xterm"}, stdout=inside, stderr=inside
    )
    os.close(inside)
    shown = _read_all(terminal)

    assert process.wait(SECONDS) == 0, shown
    frames = shown.count("Messages")
    assert frames > 5
    assert "\x1b[" in shown
    assert _ends(shown) == {}


def test_it_serves_on_until_ctrl_c(tmp_path: Path, environ: dict[str, str]) -> None:
    port = free_port()
    with _running([*DEMO, "--keep", "--port", str(port)], environ) as (process, output):
        said = _read_until(output, "curl -X POST")

        url = f"http://127.0.0.1:{port}"
        assert f"{url}/docs" in said
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert '"queue_id"' in subprocess.check_output(
            ["bash", "-c", said[said.index("curl -X POST") :]], text=True, stderr=subprocess.DEVNULL
        )
        family = _family(process.pid)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does

        assert process.wait(SECONDS) == 0
        until(lambda: not _living(family), "all its processes have ended")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_story_leaves_nothing_behind(
    tmp_path: Path, environ: dict[str, str], number: signal.Signals
) -> None:
    with _running(DEMO, environ) as (process, output):
        _read_until(output, "sends a message")
        family = _family(process.pid)
        assert len(family) > 3
        process.send_signal(number)

        assert process.wait(SECONDS) == 130
        until(lambda: not _living(family), "all its processes have ended")
        assert list(tmp_path.iterdir()) == []


def test_a_server_that_dies_ends_the_demo_with_a_sentence(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with _running([*DEMO, "--keep"], environ) as (process, output):
        _read_until(output, "curl -X POST")
        (server,) = children_of(process.pid)
        os.kill(server, signal.SIGKILL)

        assert process.wait(SECONDS) == 1
        assert "The demo failed. The server ended." in output.read()
        assert list(tmp_path.glob("waypost-demo-*")) == []


def test_a_port_that_is_taken_is_told_in_a_sentence(environ: dict[str, str]) -> None:
    """Whoever listens there may be another Waypost, which the demo must not talk to."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [*DEMO, "--port", str(port)], env=environ, capture_output=True, text=True, timeout=30
        )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"The demo failed. Port {port} cannot be used: ")
    assert "Traceback" not in ended.stderr


def _ends(output: str) -> dict[str, int]:
    """How many of the plain lines tell of each end."""
    found = re.findall(r"^  \d{11}  (\w+) after [\d.]+ s", output, re.MULTILINE)
    return {status: found.count(status) for status in found}


@contextmanager
def _running(
    command: list[str], environ: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    process = subprocess.Popen(
        command,
        env=environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def _read_until(output: IO[str], words: str) -> str:
    """What was written up to the end of the line with the words."""
    said = ""
    for line in output:
        said += line
        if words in line:
            return said
    pytest.fail(f"the demo ended without {words!r}:\n{said}")


def _read_all(terminal: int) -> str:
    written = b""
    with suppress(OSError):  # a terminal whose other side was closed
        while chunk := os.read(terminal, 65_536):
            written += chunk
    os.close(terminal)
    return written.decode(errors="replace")


def _family(pid: int) -> set[int]:
    """The process's children, theirs, and so on."""
    children = set(children_of(pid))
    return children.union(*(_family(child) for child in children))


def _living(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}
