"""Which processes work on a PostgreSQL data directory, and how they are ended."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waypost.kit.embedded_runner import PROC, EmbeddedError, Runner

HARD_SECONDS = 5.0
POLL_SECONDS = 0.01


def is_ready(pgdata: Path) -> bool:
    """Whether the server that wrote `postmaster.pid` takes connections."""
    return [line.strip() for line in _pid_file(pgdata)[7:8]] == ["ready"]


def _postmaster(pgdata: Path) -> int | None:
    """The server's pid as its file claims; the claim may be years old."""
    first = next(iter(_pid_file(pgdata)), "")
    return int(first) if first.isdigit() else None


def _pid_file(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def end(folder: Path, runner: Runner, seconds: float) -> None:
    """End whatever PostgreSQL runs in `folder`: fast within `seconds`, else hard.

    What was committed stays in either case; after a hard end the next start takes longer.
    """
    found = living(folder, runner)
    master = _postmaster(folder)
    if master in found:
        _signal([master], signal.SIGINT)
        found = _remaining(folder, runner, seconds)
    for how in (signal.SIGQUIT, signal.SIGKILL):
        if found:
            _signal(found, how)
            found = _remaining(folder, runner, HARD_SECONDS)
    if found:
        raise EmbeddedError(f"Processes of PostgreSQL in {folder} do not end: {found}")


def living(folder: Path, runner: Runner) -> list[int]:
    """The pids of PostgreSQL's processes that stand in `folder`, whatever its files claim."""
    if not PROC.exists():
        return _listed_by_ps(folder)
    home = folder.stat()
    found = _standing_in(home)
    if os.geteuid() == 0:
        with _eyes_of(runner):
            found |= _standing_in(home)
    return sorted(found)


def _standing_in(home: os.stat_result) -> set[int]:
    return {int(process.name) for process in PROC.glob("[0-9]*") if _stands_in(process, home)}


def _stands_in(process: Path, home: os.stat_result) -> bool:
    try:
        program = (process / "exe").readlink().name  # "postgres (deleted)" after an upgrade
        return program.startswith(("postgres", "initdb")) and os.path.samestat(
            (process / "cwd").stat(), home
        )
    except OSError:  # it ended meanwhile, or is none of ours
        return False


@contextmanager
def _eyes_of(runner: Runner) -> Iterator[None]:
    """Look as the runner: where a process stands is shown to its own user, and to root only
    with a capability that containers withhold."""
    gid = os.getegid()
    try:
        os.setegid(runner.gid)
        os.seteuid(runner.uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(gid)


def _listed_by_ps(folder: Path) -> list[int]:
    """Without /proc (macOS) the postmaster alone, by its command line."""
    command = ["/bin/ps", "-A", "-ww", "-o", "pid=,command="]
    listing = subprocess.check_output(command, text=True)
    rows = (line.strip().partition(" ") for line in listing.splitlines())
    return [int(pid) for pid, _, said in rows if f"/postgres -D {folder} " in said]


def _signal(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, how)


def _remaining(folder: Path, runner: Runner, seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while (found := living(folder, runner)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return found
