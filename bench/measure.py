"""The measurements: each one starts what it measures, measures it once, and stops it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from bench import memory, store
from bench.contestants import Open, Opened
from bench.load import Load, Shot, Target, fire
from bench.memory import Memory
from bench.plan import CONNECTIONS, PACED_PER_SECOND, Plan
from bench.processes import cpu_seconds, wait_until
from bench.store import SentLatency
from bench.waypost import Flavour, waypost

SETTLE_SECONDS = 0.1
SENDING_SECONDS = 30
UNBOUND_SANDBOX = 100_000


@dataclass(frozen=True, slots=True)
class Accepted:
    """One load: what was answered, what was found afterwards, and what was sent meanwhile."""

    shot: Shot
    messages: int
    most_in_flight: int
    held: int | None
    sent: int | None
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.messages / self.shot.seconds

    @property
    def cpu_microseconds(self) -> float:
        """Processor time of all its processes for each message."""
        return self.cpu_seconds * 1_000_000 / self.messages if self.messages else 0.0

    @property
    def lost(self) -> int:
        """Messages that were answered with success and are not there."""
        return 0 if self.held is None else max(0, self.messages - self.held)

    @property
    def unexplained(self) -> int:
        """Messages that are there beyond those whose answer the end of the load cut off."""
        return 0 if self.held is None else max(0, self.held - self.messages - self.most_in_flight)


@dataclass(frozen=True, slots=True)
class Paced:
    """A modest fixed rate, with the worker beside: every answered message was looked up."""

    shot: Shot
    answered: int
    found: int
    sent: SentLatency


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from `waypost serve` to the first ready answer."""

    new: float
    old: float


def accepted(contestant: Open, load: Load, plan: Plan, seed: int, size: int = 1) -> Accepted:
    """Load a contestant, warm, with requests of `size` messages."""
    os.sync()  # what the one before left unwritten is not to slow this one down
    with contestant() as opened:
        fire(opened.target, replace(load, seconds=plan.warm_seconds), seed)
        before, spent = _count(opened), cpu_seconds(*opened.processes)
        shot = fire(opened.target, load, seed + 1)
        spent = cpu_seconds(*opened.processes) - spent
        after = _count(opened)
    return Accepted(
        shot,
        messages=shot.accepted * size,
        most_in_flight=load.connections * size,
        held=None if opened.held is None else after.held - before.held,
        sent=None if opened.sent is None else after.sent - before.sent,
        cpu_seconds=spent,
    )


@dataclass(frozen=True, slots=True)
class _Count:
    sent: int
    held: int


def _count(opened: Opened) -> _Count:
    sent = opened.sent() if opened.sent else 0
    return _Count(sent, _settled(opened.held) if opened.held else 0)


def _settled(held: Callable[[], int]) -> int:
    """The count once what was in flight at the end of a load has landed."""
    before, now = -1, held()
    while now != before:
        time.sleep(SETTLE_SECONDS)
        before, now = now, held()
    return now


def paced(data_dir: Path, tokens: Path, plan: Plan, seed: int) -> Paced:
    """Send at a fixed rate and follow every message to its sending."""
    os.sync()
    ids_file = data_dir.with_suffix(".ids")
    load = Load(CONNECTIONS, plan.seconds, PACED_PER_SECOND, str(ids_file))
    with waypost(data_dir, Flavour(worker=True)) as server:
        target, url = Target(server.url, "send", str(tokens)), server.database_url
        fire(target, replace(load, seconds=plan.warm_seconds), seed)
        shot = fire(target, load, seed + 1)
        ids = [UUID(line.removeprefix("msg_")) for line in ids_file.read_text().split()]
        wait_until(lambda: store.unsent(url) == 0, "The worker's sending", SENDING_SECONDS)
        return Paced(shot, len(ids), store.found(url, ids), store.sent_latency(url, ids))


def sent_from_backlog(data_dir: Path, plan: Plan) -> float:
    """Messages a second that one worker sends from a backlog, by devices without a bound."""
    os.sync()
    begun = datetime.now(UTC)
    with waypost(data_dir, Flavour(worker=True, sandbox_rate=UNBOUND_SANDBOX)) as server:
        time.sleep(plan.warm_seconds + plan.seconds)
        return store.sent_per_second(server.database_url, begun)


def start(data_dir: Path) -> Start:
    """Start on a directory that is not there yet, and once more on what that left."""
    os.sync()
    with waypost(data_dir, Flavour(worker=True)) as server:
        new = server.ready_seconds
    with waypost(data_dir, Flavour(worker=True)) as server:
        return Start(new, server.ready_seconds)


def idle_memory(data_dir: Path, plan: Plan) -> list[Memory]:
    """What the processes of a server hold after a while without a request."""
    with waypost(data_dir, Flavour(worker=True)) as server:
        time.sleep(plan.idle_seconds)
        return memory.of_server(server.process.pid, server.port)
