"""Waypost as its users run it: `waypost serve` in a process of its own, on its own PostgreSQL."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError, free_port, running, wait_until
from waypost.kit.embedded import running_url

START_SECONDS = 60
PREFIX = "WAYPOST_"
ADMIN_PASSWORD = "bench-admin-password"  # a server on loopback that lives for minutes
COMMAND = Path(sys.executable).with_name("waypost")

HIGH = "1000000/minute"
BASE = {
    "WAYPOST_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "WAYPOST_RATE_LIMIT_AUTH": "off",
    "WAYPOST_RATE_LIMIT_DEFAULT": "off",
    "WAYPOST_RATE_LIMIT_STATUS": HIGH,
    "WAYPOST_BACKLOG_PER_ACCOUNT": "1000000000",
    "WAYPOST_BACKLOG_PER_POOL": "1000000000",
}
LATER = "3600"


@dataclass(frozen=True, slots=True)
class Flavour:
    """How the server is started."""

    api_processes: int = 1
    worker: bool = False
    limits: bool = True
    limits_url: str | None = None
    sandbox_rate: int | None = None
    wire_url: str | None = None
    receipts: bool = True

    @property
    def flags(self) -> tuple[str, ...]:
        beside = () if self.worker else ("--no-worker",)
        return ("--api-processes", str(self.api_processes), *beside)

    @property
    def probe(self) -> str:
        """Where it says that it is up; without a worker it never calls itself ready."""
        return "/readyz" if self.worker else "/healthz"

    @property
    def settings(self) -> Mapping[str, str]:
        """The limits are high, so that they cost what they cost and refuse nothing."""
        rate = HIGH if self.limits else "off"
        own = {"WAYPOST_RATE_LIMIT_SEND": rate, "WAYPOST_RATE_LIMIT_BULK": rate}
        shared = {"WAYPOST_LIMITS_URL": self.limits_url} if self.limits_url else {}
        return BASE | own | shared | dict(self._devices())

    def _devices(self) -> Iterator[tuple[str, str]]:
        if self.sandbox_rate is not None:
            yield "WAYPOST_SANDBOX_RATE", str(self.sandbox_rate)
        if self.wire_url is not None:
            yield "WAYPOST_SANDBOX_WIRE_URL", self.wire_url
        if not self.receipts:
            yield "WAYPOST_SANDBOX_DELIVERED_SECONDS", LATER
            yield "WAYPOST_SANDBOX_READ_SECONDS", LATER


@dataclass(frozen=True, slots=True)
class Server:
    """A running Waypost."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float
    database_url: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def waypost(data_dir: Path, flavour: Flavour) -> Iterator[Server]:
    """Start it and wait until it is up; it stops at the end."""
    port, log = free_port(), data_dir.with_suffix(".log")
    serve = (COMMAND, "serve", "--data-dir", data_dir, "--port", str(port))
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    begun = time.monotonic()
    with running((*serve, *flavour.flags), log, env | dict(flavour.settings)) as process:
        wait_until(
            lambda: _is_up(port, flavour.probe), "waypost serve", START_SECONDS, process, log
        )
        ready_seconds = time.monotonic() - begun
        database_url = running_url(data_dir)
        if database_url is None:
            raise BenchError("waypost serve runs without its embedded PostgreSQL.")
        yield Server(process, port, ready_seconds, database_url)


def _is_up(port: int, probe: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{probe}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
