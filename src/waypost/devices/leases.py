"""Who carries a pool: one worker at a time, by a lease that runs out, and an epoch that fences."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.devices import store_leases as store
from waypost.kit.db import Tx
from waypost.queue import upkeep
from waypost.queue.model import lane_of

CHANNEL = "waypost_leases"
CONNECTING = "It is being connected."
SESSIONS = "waypost worker "
GRACE_SECONDS = 2.0
"""How long after the end of its lease a worker's open transaction may still hold the pool."""


@dataclass(frozen=True, slots=True)
class Lease:
    """That a worker carries a pool. Each worker that takes it over raises the epoch."""

    pool_id: int
    worker_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What a worker sees when it looks around: its share of the pools, and the free ones."""

    share: int
    free: int


def session_name(worker_id: UUID) -> str:
    """By what name a worker's sessions are known to the database: whoever takes over ends them."""
    return f"{SESSIONS}{worker_id}"


def share_of(pools: int, workers: int, before: int) -> int:
    """How many pools a worker should carry; of what does not divide, the older have one more."""
    each, rest = divmod(pools, workers)
    return each + (before < rest)


async def hold(tx: Tx, lease: Lease) -> bool:
    """Whether the lease still is; if it is, nobody takes it over before the transaction ends."""
    return await store.hold(tx, lease.pool_id, lease.worker_id, lease.epoch)


async def beat(tx: Tx, worker_id: UUID, life: timedelta, *, is_leaving: bool) -> list[Lease]:
    """The worker lives, and its leases last for so long from now; returns them.

    One that had run out goes on if nobody took it meanwhile. Who is leaving takes no more.
    """
    return [Lease(**row) for row in await store.beat(tx, worker_id, life, is_leaving)]


async def look(tx: Tx, worker_id: UUID) -> Sight:
    """How the pools are to be shared among the workers that live."""
    seen = await store.look(tx, worker_id)
    workers = max(1, seen["workers"])
    return Sight(share_of(seen["pools"], workers, seen["before"]), seen["free"])


async def take(tx: Tx, worker_id: UUID, life: timedelta, most: int) -> list[Lease]:
    """Take up to so many pools that nobody carries, or whose worker was silent for too long.

    What that one had claimed is given back, and its devices are to be connected anew.
    """
    await store.end_sessions(tx, SESSIONS, GRACE_SECONDS)
    taken = [Lease(**row) for row in await store.take(tx, worker_id, life, most)]
    for lease in taken:
        await upkeep.reclaim(tx, lane_of(lease.pool_id))
    await store.take_down(tx, [lease.pool_id for lease in taken], CONNECTING)
    return taken


async def give(tx: Tx, lease: Lease) -> bool:
    """Leave the pool, and what is claimed of it, to other workers; says whether it was done.

    It is not where the lease is lost already, or somebody holds it just now.
    """
    given = await store.give(tx, lease.pool_id, lease.worker_id, lease.epoch)
    if given:
        await upkeep.reclaim(tx, lane_of(lease.pool_id))
        await tell(tx)
    return given


async def leave(tx: Tx, worker_id: UUID) -> None:
    """The worker, which has given its pools away, ends."""
    await store.leave(tx, worker_id)


async def workers(tx: Tx) -> int:
    """How many workers live, and are not about to end."""
    return await store.workers(tx)


async def ended(tx: Tx, pool_ids: Collection[int]) -> dict[int, datetime]:
    """Which of these pools no worker carries, and since when."""
    return await store.ended(tx, sorted(pool_ids))


async def tell(tx: Tx) -> None:
    """Pools became free: workers look at once, instead of within a second."""
    await store.tell(tx, CHANNEL)
