"""Pools: there is always exactly one default, and none goes while anything depends on it."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from waypost.devices import manage, pools
from waypost.devices.errors import DefaultPool, NameTaken, NoSuchPool, PoolInUse
from waypost.devices.model import Kind, NewDevice, Pool
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database, Tx
from waypost.queue import lanes
from waypost.queue.model import Entry, Reference, lane_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CLOCK = FrozenClock(NOW)


async def make(db: Database, name: str, is_default: bool = False) -> Pool:
    return await db.transact(lambda tx: pools.create(tx, name, is_default, NOW))


async def defaults(db: Database) -> list[Pool]:
    async with db.read() as tx:
        return [pool for pool in await pools.listed(tx) if pool.is_default]


async def test_a_fresh_database_gets_one_pool_with_three_simulated_devices(db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute("truncate pools, accounts cascade")

    made = await db.transact(lambda tx: pools.ensure_default(tx, CLOCK))
    again = await db.transact(lambda tx: pools.ensure_default(tx, CLOCK))

    (default,) = await defaults(db)
    async with db.tx() as tx:
        await carry(tx, default)
        counts = await pools.counts(tx, [default.id])
        names = [row["name"] for row in await tx.fetch("select name from devices order by id")]
    assert (made, again) == (True, False)
    assert default.name == "default"
    assert counts == {default.id: (3, 3)}
    assert names == ["sandbox-1", "sandbox-2", "sandbox-3"]


async def test_starts_at_the_same_time_make_one_default_pool(db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute("truncate pools, accounts cascade")

    made = await asyncio.gather(
        *(db.transact(lambda tx: pools.ensure_default(tx, CLOCK)) for _ in range(5))
    )

    assert sorted(made) == [False, False, False, False, True]
    assert len(await defaults(db)) == 1


async def test_a_deleted_sandbox_does_not_come_back_with_the_next_start(db: Database) -> None:
    async with db.tx() as tx:
        await tx.execute("delete from devices")

    made = await db.transact(lambda tx: pools.ensure_default(tx, CLOCK))

    assert not made


async def test_available_is_what_is_connected_and_not_paused(db: Database) -> None:
    pool, empty = await make(db, "counted"), await make(db, "empty")
    async with db.tx() as tx:
        await carry(tx, pool)
        ids = []
        for name in ("fine", "paused", "off", "out"):
            new = NewDevice(name, Kind.SANDBOX, pool.id)
            ids.append((await manage.create(tx, new, NOW)).id)
        await manage.pause(tx, ids[1])
        await manage.disconnect(tx, ids[2], NOW)
        await manage.logout(tx, ids[3], NOW)

        counts = await pools.counts(tx, [pool.id, empty.id])

    assert counts == {pool.id: (1, 4), empty.id: (0, 0)}


async def test_nothing_is_available_where_no_worker_carries_the_pool(db: Database) -> None:
    (default,) = await defaults(db)

    async with db.tx() as tx:
        never = await pools.counts(tx, [default.id])
        await carry(tx, default)
        while_carried = await pools.counts(tx, [default.id])
        await tx.execute("update leases set until = now()")
        no_more = await pools.counts(tx, [default.id])

    assert [counts[default.id] for counts in (never, while_carried, no_more)] == [
        (0, 3),
        (3, 3),
        (0, 3),
    ]


async def test_a_new_default_takes_the_former_ones_place(db: Database) -> None:
    made = await make(db, "second", is_default=True)
    assert await defaults(db) == [made]

    (former,) = [pool for pool in await listed(db) if pool.id != made.id]
    changed = await db.transact(lambda tx: pools.change(tx, former.id, None, True))

    assert await defaults(db) == [changed]


async def test_there_is_one_default_however_many_ask_at_once(db: Database) -> None:
    made = [await make(db, f"pool {n}") for n in range(4)]

    await asyncio.gather(
        *(db.transact(lambda tx, pool=pool: pools.change(tx, pool.id, None, True)) for pool in made)
    )

    assert len(await defaults(db)) == 1


async def test_the_default_can_neither_step_down_nor_go(db: Database) -> None:
    (default,) = await defaults(db)

    with pytest.raises(DefaultPool):
        await db.transact(lambda tx: pools.change(tx, default.id, None, False))
    with pytest.raises(DefaultPool):
        await db.transact(lambda tx: pools.delete(tx, default.id))


async def test_names_are_unique_whatever_their_case(db: Database) -> None:
    made = await make(db, "second")

    with pytest.raises(NameTaken):
        await make(db, "SECOND")
    with pytest.raises(NameTaken):
        await db.transact(lambda tx: pools.change(tx, made.id, "Default", None))
    renamed = await db.transact(lambda tx: pools.change(tx, made.id, "Second", None))
    assert renamed.name == "Second"


async def test_a_pool_goes_when_nothing_depends_on_it(db: Database) -> None:
    made = await make(db, "second")

    await db.transact(lambda tx: pools.delete(tx, made.id))

    with pytest.raises(NoSuchPool):
        await db.transact(lambda tx: pools.delete(tx, made.id))
    assert made not in await listed(db)


async def test_a_pool_with_devices_stays(db: Database) -> None:
    made = await make(db, "second")
    new = NewDevice("phone", Kind.SANDBOX, made.id)
    await db.transact(lambda tx: manage.create(tx, new, NOW))

    with pytest.raises(PoolInUse, match="devices"):
        await db.transact(lambda tx: pools.delete(tx, made.id))


async def test_a_pool_with_accounts_stays(db: Database) -> None:
    made = await make(db, "second")
    async with db.tx() as tx:
        await tx.execute(
            "insert into accounts (username, password_hash, pool_id, created_at) "
            "values ('ann', 'x', $1, $2)",
            made.id,
            NOW,
        )

    with pytest.raises(PoolInUse, match="accounts"):
        await db.transact(lambda tx: pools.delete(tx, made.id))


async def test_a_pool_stays_while_its_messages_wait_and_while_they_are_claimed(
    db: Database,
) -> None:
    made = await make(db, "second")
    entry = Entry(lane_of(made.id), Reference(1, 7, UUID(int=7)))
    worker = UUID(int=8)
    await db.transact(lambda tx: lanes.push(tx, [entry]))

    with pytest.raises(PoolInUse, match="queued"):
        await db.transact(lambda tx: pools.delete(tx, made.id))
    jobs = await db.transact(lambda tx: lanes.claim(tx, worker, lane_of(made.id), 1))
    with pytest.raises(PoolInUse, match="queued"):
        await db.transact(lambda tx: pools.delete(tx, made.id))
    await db.transact(lambda tx: lanes.finish(tx, jobs))
    await db.transact(lambda tx: pools.delete(tx, made.id))


async def carry(tx: Tx, pool: Pool) -> None:
    """Let a worker carry this pool alone, its devices as they are."""
    lease = (
        "insert into leases (pool_id, worker_id, until) values ($1, $2, now() + interval '1 day')"
    )
    await tx.execute(lease, pool.id, UUID(int=8))


async def listed(db: Database) -> list[Pool]:
    async with db.read() as tx:
        return await pools.listed(tx)
