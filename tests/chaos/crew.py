"""What a round runs and breaks: a PostgreSQL, an API and several workers, each its own process."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.embedded import postmaster
from tests.support.processes import marked, part_of, until
from tests.support.server import ADMIN_PASSWORD, free_port, own_environ
from waypost.kit.embedded import Embedded

START_SECONDS = 60.0
AGAIN_SECONDS = 0.5
LOG_TAIL = 2000
AT_WORK = ("worker.started", " is ready at ")


@dataclass
class Postgres:
    """A private cluster that can be stopped, hard or fast, and started again in its place."""

    embedded: Embedded
    data_dir: Path
    url: str

    @classmethod
    @contextmanager
    def started(cls, data_dir: Path) -> Iterator["Postgres"]:
        """A cluster for the length of a block."""
        embedded = Embedded(data_dir)
        try:
            yield cls(embedded, data_dir, embedded.start())
        finally:
            embedded.stop()

    def restart(self, how: signal.Signals, away: float) -> None:
        """SIGINT breaks every connection and shuts down; SIGQUIT drops all as it is, to recover."""
        os.kill(postmaster(self.data_dir), how)
        until(lambda: not self.embedded.is_running(), "PostgreSQL ends")
        time.sleep(away)
        assert self.embedded.start() == self.url


@dataclass
class Member:
    """One process that an operator keeps running."""

    command: list[str]
    environ: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    begun_at: int = 0
    again_at: float = 0.0
    is_expected: bool = True

    def start(self) -> None:
        """Begin, or begin anew."""
        self.is_expected = False
        with self.log.open("ab") as output:
            self.begun_at = output.tell()
            command = [sys.executable, "-m", "waypost", *self.command]
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, env=own_environ() | self.environ
            )

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tell(self, sign: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.process is not None and self.is_alive:
            self.process.send_signal(sign)

    def kill(self, away: float) -> None:
        """End it at once, to be started again after so many seconds."""
        assert self.process is not None
        self.is_expected, self.again_at = True, time.monotonic() + away
        self.process.kill()
        self.process.wait()

    def tend(self) -> str | None:
        """Start it again when that is due; says if it had ended by itself."""
        if self.is_alive or time.monotonic() < self.again_at:
            return None
        said = None if self.is_expected else self._last_words()
        self.again_at = time.monotonic() + AGAIN_SECONDS
        self.start()
        return said

    def end(self, seconds: float) -> int:
        """Ask it to stop; its exit code."""
        assert self.process is not None
        self.tell(signal.SIGTERM)
        return self.process.wait(seconds)

    def _last_words(self) -> str | None:
        """One that was at work should not end; one may end that finds no database at its start."""
        said = self.log.read_bytes()[self.begun_at :].decode(errors="replace")
        was_at_work = any(word in said for word in AT_WORK)
        return f"{self.command} ended by itself:\n{said[-LOG_TAIL:]}" if was_at_work else None


@dataclass
class Crew:
    """The processes of one Waypost."""

    folder: Path
    api: Member
    workers: list[Member]
    mark: str
    port: int
    notes: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def members(self) -> list[Member]:
        return [self.api, *self.workers]

    @classmethod
    @contextmanager
    def started(
        cls, folder: Path, database_url: str, workers: int, environ: dict[str, str]
    ) -> Iterator["Crew"]:
        """A crew at work; none of its processes outlives the block."""
        mark = secrets.token_hex(8)
        given = environ | {
            "DATABASE_URL": database_url,
            "JWT_SECRET": mark * 2,
            "SEAL_KEY": mark * 2,
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            "LOG_FORMAT": "json",
            "TEST_MARK": mark,
        }
        settings = {f"WAYPOST_{name}": value for name, value in given.items()}
        port = free_port()
        serve = ["serve", "--no-worker", "--port", str(port), "--data-dir", str(folder)]
        work = ["worker", "--data-dir", str(folder)]
        team = [Member(work, settings, folder / f"worker-{n}.log") for n in range(1, workers + 1)]
        crew = cls(folder, Member(serve, settings, folder / "api.log"), team, mark, port)
        try:
            for member in crew.members:
                member.start()
            until(crew.is_ready, "the API and a worker are ready", START_SECONDS)
            yield crew
        finally:
            crew.sweep()

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def is_whole(self) -> bool:
        """Whether everybody lives, and answers."""
        return all(member.is_alive for member in self.members) and self.is_ready()

    def tend(self) -> None:
        """Start again who is to be; note who ended by themselves."""
        self.notes += [said for member in self.members if (said := member.tend())]

    def api_pids(self) -> list[int]:
        """The API's own processes, under their supervisor."""
        return [pid for pid in marked(self.mark) if part_of(pid) == "api"]

    def crashes(self) -> Iterator[str]:
        """What the logs tell of code that failed where nobody expected it."""
        for member in self.members:
            for line in member.log.read_text(errors="replace").splitlines():
                with suppress(ValueError):
                    said = json.loads(line)
                    if said["level"] == "error" and "exception" in said:
                        yield line

    def sweep(self) -> None:
        """Kill whatever is left."""
        for pid in marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for member in self.members:
            if member.process is not None:
                member.process.kill()
                member.process.wait()
