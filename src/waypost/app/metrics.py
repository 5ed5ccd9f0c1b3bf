"""What /metrics shows: the counters of every process on this box, and the state of the queue."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "waypost-metrics-"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a pool's lane, and for how long its oldest message has."""

    pool_id: int
    waiting: int
    oldest_seconds: float


@contextmanager
def shared_dir() -> Iterator[Path]:
    """A folder where this box's processes keep their counters; those of dead boxes go."""
    _sweep()
    draft = Path(tempfile.mkdtemp(prefix="waypost-new-"))
    claim = os.open(draft, os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)  # the kernel frees it with us
    folder = draft.rename(draft.with_name(draft.name.replace("waypost-new-", PREFIX)))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(claim)


def forget(folder: Path, pid: int) -> None:
    """Let go of what only a living process has, such as its messages in flight."""
    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # it has no types here


def exposition(backlog: Sequence[Backlog]) -> bytes:
    """The text for Prometheus."""
    return generate_latest(_processes()) + generate_latest(_queue(backlog))


def _sweep() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or its box lives
            claim = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(claim)


def _processes() -> CollectorRegistry:
    if SHARED_DIR not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has no types here
    return registry


def _queue(backlog: Sequence[Backlog]) -> CollectorRegistry:
    registry = CollectorRegistry()
    waiting = Gauge("waypost_backlog_messages", "Messages waiting", ["pool"], registry=registry)
    oldest = Gauge(
        "waypost_backlog_oldest_seconds",
        "How long the longest-waiting message has been due",
        ["pool"],
        registry=registry,
    )
    for each in backlog:
        waiting.labels(each.pool_id).set(each.waiting)
        oldest.labels(each.pool_id).set(each.oldest_seconds)
    return registry
