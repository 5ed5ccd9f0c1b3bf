"""Real processes that end with the bench, whatever happens to it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
POLL_SECONDS = 0.005
LAST_WORDS = 15


class BenchError(Exception):
    """Something that is measured does not run; the sentence says what and why."""


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stop_seconds: float = 15.0,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own; at the end all of the group ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*_tied_to_us(), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd=cwd or log.parent,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process, stop_seconds)


def _tied_to_us() -> tuple[str, ...]:
    """Have the kernel stop a child even if the bench is killed.

    It forgets so for a Waypost that runs as root, which changes its user for a moment.
    """
    return ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(
    condition: Callable[[], bool],
    what: str,
    seconds: float,
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
    every: float = POLL_SECONDS,
) -> None:
    """Poll until true. Raises BenchError past `seconds`, or when `process` has ended."""
    deadline = time.monotonic() + seconds
    while not condition():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            said = "it ended" if ended else f"not within {seconds:.0f} s"
            raise BenchError(f"{what}: {said}.{_last_words(log)}")
        time.sleep(every)


def _last_words(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-LAST_WORDS:]
    return "\n".join(("", "Its log ends with:", *lines))


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tree(*roots: int) -> list[int]:
    """The processes and all that descend from them."""
    pids = [int(path.name) for path in PROC.iterdir() if path.name.isdecimal()]
    found = list(roots)
    parents = {pid: int(fields[1]) for pid in pids if (fields := _stat(pid))}
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(*roots: int) -> float:
    """Processor time that the processes and their descendants have used so far."""
    stats = filter(None, map(_stat, tree(*roots)))
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / TICKS_PER_SECOND


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when it has ended."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
