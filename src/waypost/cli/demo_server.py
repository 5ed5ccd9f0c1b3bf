"""A real `waypost serve` for a demo: a child process, a temporary data directory, a free port."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.console import Console

HOST = "127.0.0.1"
START_SECONDS = 120.0
STOP_SECONDS = 20.0
LOOK_EVERY = 0.1
LAST_LINES = 10


class DemoFailed(Exception):
    """What a customer would have seen go wrong, as a sentence."""


@dataclass(slots=True)
class DemoServer:
    """The running child. It knows no other setting than these: the demo is the same everywhere."""

    data_dir: Path
    port: int
    process: subprocess.Popen[bytes]
    admin_password: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def wait_until_ready(self, console: Console) -> None:
        """Wait for /readyz, saying what is going on."""
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        if not console.is_terminal:
            console.print("Starting a server")
        async with aiohttp.ClientSession(self.url) as session:
            with console.status("Starting a server") as status:
                while (missing := await _missing(session)) != "nothing":
                    status.update(f"Starting a server: waiting for {missing}")
                    self.check()
                    if asyncio.get_running_loop().time() > deadline:
                        raise DemoFailed(f"The server did not get ready. {self._last_words()}")
                    await asyncio.sleep(LOOK_EVERY)

    def check(self) -> None:
        """Refuse to go on with a server that has ended."""
        if self.process.poll() is not None:
            raise DemoFailed(f"The server ended. {self._last_words()}")

    def stop(self) -> None:
        """Ask it to stop; past its time, or at a second Ctrl-C, end it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # it is ended below
        finally:
            self.process.kill()
            self.process.wait()

    def _last_words(self) -> str:
        lines = log_of(self.data_dir).read_text(errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(("Its log ends with:", *lines))


@contextmanager
def demo_server(port: int | None) -> Iterator[DemoServer]:
    """A server for the length of the block; its process and its folder end with it."""
    with tempfile.TemporaryDirectory(prefix="waypost-demo-") as folder:
        server = _start(Path(folder), _free_port(port))
        try:
            yield server
        finally:
            server.stop()


def log_of(data_dir: Path) -> Path:
    """Where the child writes, so that the terminal is the story's alone."""
    return data_dir / "server.log"


def _start(data_dir: Path, port: int) -> DemoServer:
    password = secrets.token_urlsafe(12)
    command = [sys.executable, "-m", "waypost", "serve", "--host", HOST, "--port", str(port)]
    with log_of(data_dir).open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environ() | {"WAYPOST_ADMIN_PASSWORD": password},
        )
    return DemoServer(data_dir, port, process, password)


def _environ() -> dict[str, str]:
    """Nobody's settings: a demo must not find its way into a real database."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}


def _free_port(wanted: int | None) -> int:
    """The wanted port or any, found to be free: the story must not be told to another server."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except (OSError, OverflowError) as error:
            raise DemoFailed(f"Port {wanted} cannot be used: {error}. Try another.") from error
        port: int = probe.getsockname()[1]
        return port


async def _missing(session: aiohttp.ClientSession) -> str:
    """What the server still lacks, by its own words where it has some."""
    try:
        async with session.get("/readyz") as response:
            checks: dict[str, bool] = (await response.json())["checks"]
    except (aiohttp.ClientError, TimeoutError, KeyError):
        return "PostgreSQL and the API"
    return next((name for name, is_well in checks.items() if not is_well), "nothing")
