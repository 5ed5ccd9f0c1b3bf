"""A Waypost as the machine sees it: its processes, by a mark in their environment."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.embedded import postmaster, processes
from tests.support.server import Server, command_of, free_port, own_environ
from waypost.kit.embedded import running_url

MARK = "TEST_MARK"  # the product reads no setting of that name
SUPERVISOR, API, WORKER, POSTGRES = "supervisor", "api", "worker", "postgres"
PARTS = (SUPERVISOR, API, WORKER, POSTGRES)


@dataclass(frozen=True)
class Box:
    """A server, and all the processes that belong to it."""

    server: Server
    mark: str

    @property
    def pids(self) -> list[int]:
        """Its living processes but PostgreSQL's, which have an environment of their own."""
        return marked(self.mark)

    @property
    def parts(self) -> dict[str, list[int]]:
        """The pids of each part that lives; PostgreSQL by its postmaster."""
        found: dict[str, list[int]] = {part: [] for part in PARTS}
        for pid in self.pids:
            found[part_of(pid)].append(pid)
        living = postgres_of(self.server.data_dir)
        found[POSTGRES] = [postmaster(self.server.data_dir)] if living else []
        return found

    @property
    def database_url(self) -> str:
        """Where its own PostgreSQL is."""
        url = running_url(self.server.data_dir)
        assert url is not None
        return url

    def kill(self, *parts: str) -> None:
        """`kill -9` all of these parts at once."""
        before = self.parts
        for pid in [pid for part in parts for pid in before[part]]:
            os.kill(pid, signal.SIGKILL)
        if SUPERVISOR in parts and self.server.process is not None:
            self.server.process.wait()

    def is_whole(self) -> bool:
        """Whether one process of each part lives, and the server is ready."""
        return self.server.is_ready() and all(len(pids) == 1 for pids in self.parts.values())

    def is_gone(self) -> bool:
        """Whether no process is left."""
        return not self.pids and not postgres_of(self.server.data_dir)


@contextmanager
def box(data_dir: Path, *flags: str, **environ: str) -> Iterator[Box]:
    """A running server in a group of its own, as a terminal or an init system starts it.

    None of its processes outlives the block, whatever became of them.
    """
    mark = secrets.token_hex(8)
    settings = {f"WAYPOST_{name}": value for name, value in {**environ, MARK: mark}.items()}
    server = Server(data_dir, settings, list(flags), free_port(), process_group=0)
    with swept(mark, data_dir):
        server.start()
        yield Box(server, mark)
        server.stop()


@contextmanager
def swept(mark: str, data_dir: Path) -> Iterator[None]:
    """At the end of the block, kill what bears the mark, and the PostgreSQL of this folder."""
    try:
        yield
    finally:
        for pid in [*marked(mark), *postgres_of(data_dir)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def waypost(
    *arguments: str, text: str = "", seconds: float = 60.0, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does, with these WAYPOST_* settings, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "waypost", *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=seconds,
        env=own_environ() | {f"WAYPOST_{name}": value for name, value in environ.items()},
    )


@contextmanager
def started(*arguments: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs until it is told to stop, or else until the end of the block."""
    command = [sys.executable, "-m", "waypost", *arguments]
    settings = {f"WAYPOST_{name}": value for name, value in environ.items()}
    with subprocess.Popen(command, env=own_environ() | settings) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that does nothing for the length of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def marked(mark: str) -> list[int]:
    """The pids of the living processes that have this mark in their environment."""
    wanted = f"WAYPOST_{MARK}={mark}".encode()
    folders = Path("/proc").glob("[0-9]*")
    return sorted(int(folder.name) for folder in folders if wanted in _environ_of(folder))


def part_of(pid: int) -> str:
    """Which part of a box a process plays."""
    command = command_of(pid).split()
    return command[-1] if "waypost.app.child" in command else SUPERVISOR


def postgres_of(data_dir: Path) -> list[int]:
    """The pids of the PostgreSQL of this data directory."""
    return processes(data_dir) if (data_dir / "postgres").exists() else []


def until(holds: Callable[[], object], what: str, seconds: float = 20.0) -> float:
    """Wait until something holds; fail when it does not in time. Returns how long it took."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() < begun + seconds, f"after {seconds} s still not: {what}"
        time.sleep(0.02)
    return time.monotonic() - begun


def _environ_of(folder: Path) -> list[bytes]:
    try:
        return (folder / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile, or is none of ours
        return []
