"""Routes of pools."""

from pydantic import BaseModel

from waypost.accounts.guard import Admin
from waypost.admin import audit
from waypost.devices import pools
from waypost.devices.model import Counts, Pool
from waypost.kit.answers import Said
from waypost.kit.db import Tx
from waypost.kit.routing import Body, Db, Id, Time, contract_router, zulu
from waypost.kit.texts import Name

router = contract_router("/api/admin/pools", "Admin")


class NewPoolBody(Body):
    """A pool to be made; the default one takes accounts that are given no other."""

    name: Name
    is_default: bool | None = None


class PoolChangeBody(Body):
    """What is to be different."""

    name: Name | None = None
    is_default: bool | None = None


class PoolAnswer(BaseModel):
    """A pool, and how many of its devices can send now."""

    id: int
    name: str
    is_default: bool
    available_devices: int
    total_devices: int
    created_at: str


class PoolsAnswer(BaseModel):
    """Every pool."""

    pools: list[PoolAnswer]


@router.get("")
async def list_pools(_: Admin, db: Db) -> PoolsAnswer:
    """Every pool, in the order they were made."""
    async with db.read() as tx:
        found = await pools.listed(tx)
        counts = await pools.counts(tx, [pool.id for pool in found])
    return PoolsAnswer(pools=[_answer(pool, counts[pool.id]) for pool in found])


@router.post("", status_code=201)
async def create_pool(me: Admin, db: Db, time: Time, body: NewPoolBody) -> PoolAnswer:
    """Make a pool; devices come into it by their own routes."""
    async with db.tx() as tx:
        pool = await pools.create(tx, body.name, body.is_default or False, time.now())
        detail = body.model_dump(exclude_none=True)
        await audit.record(tx, time.now(), me.account_id, "pool.created", _target(pool), detail)
        return await _shown(tx, pool)


@router.get("/{id}")
async def get_pool(_: Admin, db: Db, id: Id) -> PoolAnswer:
    """One pool."""
    async with db.read() as tx:
        return await _shown(tx, await pools.get(tx, id))


@router.patch("/{id}")
async def change_pool(me: Admin, db: Db, time: Time, id: Id, body: PoolChangeBody) -> PoolAnswer:
    """Rename a pool, or make it the default one."""
    async with db.tx() as tx:
        pool = await pools.change(tx, id, body.name, body.is_default)
        detail = body.model_dump(exclude_none=True)
        await audit.record(tx, time.now(), me.account_id, "pool.changed", _target(pool), detail)
        return await _shown(tx, pool)


@router.delete("/{id}")
async def delete_pool(me: Admin, db: Db, time: Time, id: Id) -> Said:
    """Remove a pool that has no devices, no accounts and no messages to send."""
    async with db.tx() as tx:
        pool = await pools.delete(tx, id)
        detail = {"name": pool.name}
        await audit.record(tx, time.now(), me.account_id, "pool.deleted", _target(pool), detail)
    return Said(message="Pool deleted successfully")


def _target(pool: Pool) -> str:
    return f"pool:{pool.id}"


async def _shown(tx: Tx, pool: Pool) -> PoolAnswer:
    counts = await pools.counts(tx, [pool.id])
    return _answer(pool, counts[pool.id])


def _answer(pool: Pool, counts: Counts) -> PoolAnswer:
    available, total = counts
    return PoolAnswer(
        id=pool.id,
        name=pool.name,
        is_default=pool.is_default,
        available_devices=available,
        total_devices=total,
        created_at=zulu(pool.created_at),
    )
