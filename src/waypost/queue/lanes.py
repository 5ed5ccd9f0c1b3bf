"""Push on the caller's transaction; claim, beat, finish, retry, release."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.domain.types import JOB_STATUS, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from waypost.kit.db import Tx
from waypost.queue import store
from waypost.queue.model import Job, Lane, Later, Reference, ids_of

# A claim whose owner has not beaten for so long is handed out again.
HEARTBEAT_TIMEOUT = timedelta(seconds=12)
BEAT_EVERY = timedelta(seconds=3)

# How far a place in the queue is counted; beyond, it is estimated.
EXACT_UP_TO = 1000

_UNLIMITED = EntrypointExecutionParameter(concurrency_limit=0)
_SUCCESSFUL: JOB_STATUS = "successful"


async def push(tx: Tx, lanes: Sequence[Lane], about: Sequence[Reference]) -> list[int]:
    """Queue one job for each message, in this order; returns each one's place (1 = next)."""
    ahead = {lane: await store.ahead(tx, lane, EXACT_UP_TO + 1) for lane in set(lanes)}
    payloads: list[bytes | None] = [reference.pack() for reference in about]
    ids = await _queries(tx).enqueue(cast("list[str]", list(lanes)), payloads, [0] * len(payloads))
    heads = {
        lane: await store.head(tx, lane) for lane, depth in ahead.items() if depth > EXACT_UP_TO
    }
    places = []
    for lane, id in zip(lanes, ids, strict=True):
        if lane in heads:
            # Beyond what is worth counting: ids are handed out in order, so their distance tells.
            places.append(id - heads[lane] + 1)
        else:
            ahead[lane] += 1
            places.append(ahead[lane])
    return places


async def claim(
    tx: Tx, owner: UUID, lane: Lane, most: int, patience: timedelta = HEARTBEAT_TIMEOUT
) -> list[Job]:
    """Take up to `most` jobs of the lane, those included whose owner's heart has stopped."""
    lanes = {QueueEntrypoint(lane): _UNLIMITED}
    rows = await _queries(tx).dequeue(most, lanes, QueueManagerId(owner), None, patience)
    return [Job(row.id, lane, Reference.unpack(row.payload or b"")) for row in rows]


async def beat(tx: Tx, jobs: Sequence[Job]) -> None:
    """Say that the owner of these jobs lives."""
    await _queries(tx).update_heartbeat(cast("Any", ids_of(jobs)))


async def finish(tx: Tx, jobs: Sequence[Job]) -> None:
    """The jobs are done."""
    # PgQueuer reads nothing but the id of each job here.
    await _queries(tx).log_jobs([(cast("Any", job), _SUCCESSFUL, None) for job in jobs])


async def retry(tx: Tx, owner: UUID, later: Sequence[Later]) -> None:
    """Hand jobs out again after their delays."""
    await store.retry(tx, owner, ids_of(each.job for each in later), [each.delay for each in later])


async def without_job(tx: Tx, about: Sequence[Reference]) -> list[Reference]:
    """Which of these messages nothing would send. The whole queue is read."""
    payloads = [reference.pack() for reference in about]
    return [Reference.unpack(payload) for payload in await store.without_job(tx, payloads)]


async def release(tx: Tx, owner: UUID) -> None:
    """Give back what is claimed and not yet acted on, when a worker stops."""
    await store.release(tx, owner)


def _queries(tx: Tx) -> Queries:
    return Queries(AsyncpgDriver(cast("Any", tx)))
