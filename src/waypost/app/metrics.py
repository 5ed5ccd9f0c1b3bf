"""What /metrics shows: the counters of every process on this box, and the state of the queue."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a pool's lane, and for how long its oldest message has."""

    pool_id: int
    waiting: int
    oldest_seconds: float


def exposition(backlog: Sequence[Backlog]) -> bytes:
    """The text for Prometheus."""
    return generate_latest(_processes()) + generate_latest(_queue(backlog))


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
