"""Pools: which there are, which is the default, how many of their devices can send."""

from collections.abc import Sequence
from datetime import datetime

from waypost.accounts import directory
from waypost.devices import leases, store, store_pools
from waypost.devices.errors import DefaultPool, NoSuchPool, PoolInUse
from waypost.devices.model import Counts, Kind, NewDevice, Pool
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.queue import depths
from waypost.queue.model import lane_of

DEFAULT_NAME = "default"
SANDBOXES = 3


async def ensure_default(tx: Tx, clock: Clock) -> bool:
    """On a fresh database make the default pool with its simulated devices; says whether it did."""
    at = clock.now()
    pool_id = await store_pools.seed(tx, DEFAULT_NAME, at)
    if pool_id is None:
        return False
    for number in range(1, SANDBOXES + 1):
        new = NewDevice(f"sandbox-{number}", Kind.SANDBOX, pool_id)
        await store.insert(tx, new, at)
    return True


async def counts(tx: Tx, pool_ids: Sequence[int]) -> dict[int, Counts]:
    """For each pool that exists how many devices can send now, and how many it has.

    Without a worker that carries the pool none can. The pools stay until the transaction ends.
    """
    return await store_pools.counts(tx, pool_ids)


async def listed(tx: Tx) -> list[Pool]:
    """Every pool, in the order they were made."""
    return await store_pools.listed(tx)


async def get(tx: Tx, id: int) -> Pool:
    """One pool."""
    pool = await store_pools.get(tx, id)
    if pool is None:
        raise NoSuchPool
    return pool


async def create(tx: Tx, name: str, is_default: bool, at: datetime) -> Pool:
    """Make a pool without devices."""
    await store_pools.lock(tx)
    pool = await store_pools.insert(tx, name, at)
    await leases.tell(tx)
    return await change(tx, pool.id, None, is_default)


async def change(tx: Tx, id: int, name: str | None, is_default: bool | None) -> Pool:
    """Rename it, or make it the default."""
    await store_pools.lock(tx)
    pool = await get(tx, id)
    if pool.is_default and is_default is False:
        raise DefaultPool
    if name is not None:
        await store_pools.rename(tx, id, name)
    if is_default and not pool.is_default:
        await store_pools.make_default(tx, id)
    return await get(tx, id)


async def delete(tx: Tx, id: int) -> Pool:
    """Remove a pool on which nothing depends."""
    await store_pools.lock(tx)
    pool = await get(tx, id)
    if pool.is_default:
        raise DefaultPool
    await store_pools.hold(tx, id)
    if await depths.is_used(tx, lane_of(id)):
        raise PoolInUse("messages are queued in it")
    await directory.leave_pool(tx, id)
    await store_pools.delete(tx, id)
    return pool
