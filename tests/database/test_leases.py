"""Leases: a pool is one worker's until it gives it away, or is silent for too long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import until
from waypost.devices import find, leases, manage, pools
from waypost.devices.find import NOT_CARRIED
from waypost.devices.leases import CONNECTING, Lease
from waypost.devices.model import Kind, NewDevice, State
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.queue import lanes
from waypost.queue.model import Entry, Job, Reference, lane_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LIFE = timedelta(seconds=60)
OVER = timedelta(seconds=-1)
ANN, BOB = UUID(int=1), UUID(int=2)
POOL = 1


async def beat(db: Database, worker: UUID, life: timedelta = LIFE) -> list[Lease]:
    return await db.transact(lambda tx: leases.beat(tx, worker, life, is_leaving=False))


async def take(db: Database, worker: UUID, life: timedelta = LIFE, most: int = 10) -> list[Lease]:
    return await db.transact(lambda tx: leases.take(tx, worker, life, most))


async def taken(db: Database, worker: UUID, life: timedelta = LIFE) -> Lease:
    """The default pool, in this worker's hands."""
    (lease,) = await take(db, worker, life)
    return lease


async def is_held(db: Database, lease: Lease) -> bool:
    return await db.transact(lambda tx: leases.hold(tx, lease))


async def claimed(db: Database, worker: UUID) -> list[Job]:
    """A message of the default pool that a worker has claimed."""
    entry = Entry(lane_of(POOL), Reference(1, 7, UUID(int=7)))
    await db.transact(lambda tx: lanes.push(tx, [entry]))
    return await db.transact(lambda tx: lanes.claim(tx, worker, lane_of(POOL), 1))


@asynccontextmanager
async def holding(db: Database, lease: Lease) -> AsyncIterator[Tx]:
    """A transaction under the fence, open for the length of the block."""
    async with db.tx() as tx:
        assert await leases.hold(tx, lease)
        yield tx


# Beats.


async def test_a_beat_prolongs_what_a_worker_holds_and_raises_no_epoch(db: Database) -> None:
    lease = await taken(db, ANN)

    assert await beat(db, ANN) == [lease]
    assert await beat(db, BOB) == []
    assert await is_held(db, lease)


async def test_a_lease_that_ran_out_goes_on_when_nobody_took_it(db: Database) -> None:
    lease = await taken(db, ANN, OVER)
    assert await is_free(db)

    assert await beat(db, ANN) == [lease]
    assert not await is_free(db)
    assert await take(db, BOB) == []


async def test_workers_count_while_they_beat_and_are_not_about_to_end(db: Database) -> None:
    await beat(db, ANN)
    await beat(db, BOB)
    assert await workers(db) == 2

    await db.transact(lambda tx: leases.beat(tx, ANN, LIFE, is_leaving=True))
    assert await workers(db) == 1
    await beat(db, BOB, OVER)
    assert await workers(db) == 0


async def test_a_worker_that_died_is_forgotten_after_a_day(
    db: Database, connection: asyncpg.Connection
) -> None:
    await beat(db, ANN, timedelta(hours=-25))
    await beat(db, BOB)

    assert await connection.fetchval("select array_agg(id) from workers") == [BOB]


# Taking.


async def test_every_pool_can_be_taken_once_also_a_new_one(db: Database) -> None:
    new = await db.transact(lambda tx: pools.create(tx, "new", False, NOW))

    first = await take(db, ANN)

    assert [(each.pool_id, each.worker_id) for each in first] == [(POOL, ANN), (new.id, ANN)]
    assert await take(db, BOB) == []


async def test_no_more_is_taken_than_was_asked_for(db: Database) -> None:
    await db.transact(lambda tx: pools.create(tx, "new", False, NOW))

    assert len(await take(db, ANN, most=1)) == 1
    assert len(await take(db, BOB, most=1)) == 1


async def test_what_ran_out_is_taken_over_and_the_former_holder_has_lost_it(db: Database) -> None:
    lost = await taken(db, ANN, OVER)

    lease = await taken(db, BOB)

    assert lease.epoch > lost.epoch
    assert (await is_held(db, lost), await is_held(db, lease)) == (False, True)
    assert await beat(db, ANN) == []


async def test_of_two_takers_at_once_one_wins(db: Database) -> None:
    workers = [UUID(int=n) for n in range(1, 9)]

    won = await asyncio.gather(*(take(db, worker) for worker in workers))

    assert sorted(map(len, won)) == [0] * 7 + [1]


async def test_what_the_former_holder_had_claimed_is_given_back(db: Database) -> None:
    await taken(db, ANN, OVER)
    (job,) = await claimed(db, ANN)

    await taken(db, BOB)

    (again,) = await db.transact(lambda tx: lanes.claim(tx, BOB, lane_of(POOL), 1))
    assert again == job


# The fence.


async def test_a_pool_is_not_taken_while_its_holder_writes(db: Database) -> None:
    lease = await taken(db, ANN, OVER)

    async with holding(db, lease):
        assert await take(db, BOB) == []
    assert len(await take(db, BOB)) == 1


async def test_who_waited_for_a_taker_finds_the_lease_lost(
    db: Database, connection: asyncpg.Connection
) -> None:
    lost = await taken(db, ANN, OVER)

    async with db.tx() as tx:
        await leases.take(tx, BOB, LIFE, 1)
        late = asyncio.create_task(is_held(db, lost))
        await until_one_waits(connection)
    assert not await late


async def test_a_former_term_of_the_same_worker_is_over(db: Database) -> None:
    former = await taken(db, ANN)
    await db.transact(lambda tx: leases.give(tx, former))

    lease = await taken(db, ANN)

    assert (await is_held(db, former), await is_held(db, lease)) == (False, True)


async def test_a_beat_does_not_wait_for_what_its_worker_writes(db: Database) -> None:
    lease = await taken(db, ANN)

    async with holding(db, lease):
        assert await beat(db, ANN) == [lease]


async def test_a_hung_worker_does_not_keep_a_pool_by_its_open_transaction(
    database_url: str, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("waypost.kit.db.HUNG_SECONDS", 0.3)
    hung = Database(database_url, 1, "hung")
    await hung.open()
    lease = await taken(db, ANN, OVER)

    async def hang() -> None:
        async with holding(hung, lease):
            assert await take(db, BOB) == []
            await until(lambda: take(db, BOB))

    with pytest.raises((DatabaseAway, CommitUnknown)):
        await hang()
    await hung.close()


async def test_a_frozen_worker_does_not_keep_a_pool_by_a_statement_that_never_ends(
    database_url: str, db: Database
) -> None:
    frozen = Database(database_url, 1, leases.session_name(ANN))
    await frozen.open()
    lease = await taken(db, ANN, timedelta(seconds=0.5))

    async def hang() -> None:
        async with holding(frozen, lease) as tx:
            await tx.execute("select pg_sleep(60)")

    hanging = asyncio.create_task(hang())
    await until(lambda: take(db, BOB))
    with pytest.raises((DatabaseAway, CommitUnknown)):
        await hanging
    await frozen.close()


# Giving.


async def test_a_given_pool_is_free_at_once_and_its_claims_with_it(db: Database) -> None:
    lease = await taken(db, ANN)
    (job,) = await claimed(db, ANN)

    await db.transact(lambda tx: leases.give(tx, lease))

    assert not await is_held(db, lease)
    assert await beat(db, ANN) == []
    assert (await taken(db, BOB)).epoch > lease.epoch
    (again,) = await db.transact(lambda tx: lanes.claim(tx, BOB, lane_of(POOL), 1))
    assert again == job


async def test_a_pool_is_not_given_away_in_the_midst_of_a_write(db: Database) -> None:
    lease = await taken(db, ANN)

    async with holding(db, lease):
        assert not await db.transact(lambda tx: leases.give(tx, lease))
    assert await db.transact(lambda tx: leases.give(tx, lease))


async def test_who_lost_a_pool_cannot_give_it_away(db: Database) -> None:
    lost = await taken(db, ANN, OVER)
    lease = await taken(db, BOB)

    assert not await db.transact(lambda tx: leases.give(tx, lost))
    assert await is_held(db, lease)


# What is told of devices.


async def test_without_a_worker_no_device_is_connected(db: Database) -> None:
    async with db.read() as tx:
        devices = await find.devices(tx, POOL)
        one = await find.device(tx, devices[0].id, None)

        assert {(d.state, d.state_reason) for d in devices} == {(State.DISCONNECTED, NOT_CARRIED)}
        assert one == devices[0]
        assert await pools.counts(tx, [POOL]) == {POOL: (0, 3)}


async def test_a_taken_pools_devices_are_down_until_its_worker_has_connected_them(
    db: Database,
) -> None:
    await taken(db, ANN)

    async with db.read() as tx:
        devices = await find.devices(tx, POOL)
        assert {(d.state, d.state_reason) for d in devices} == {(State.DISCONNECTED, CONNECTING)}
        assert all(device.is_wanted for device in devices)


async def test_what_people_took_down_is_shown_as_they_left_it(db: Database) -> None:
    async with db.tx() as tx:
        await manage.disconnect(tx, 1, NOW)
        await manage.logout(tx, 2, NOW)
        await leases.take(tx, ANN, OVER, 1)

        one, two, three = await find.devices(tx, POOL)

    assert (one.state, one.state_reason, one.state_at) == (State.DISCONNECTED, None, NOW)
    assert (two.state, two.state_reason, two.state_at) == (State.LOGGED_OUT, None, NOW)
    assert (three.state, three.state_reason) == (State.DISCONNECTED, NOT_CARRIED)


async def test_a_device_is_shown_down_since_its_worker_was_lost(
    db: Database, connection: asyncpg.Connection
) -> None:
    await taken(db, ANN)
    until = await connection.fetchval(
        "update leases set until = now() - interval '5 s' returning until"
    )
    await connection.execute("update devices set state = 'connected', state_at = $1", NOW)

    async with db.read() as tx:
        devices = await find.devices(tx, None)

    assert {device.state_at for device in devices} == {until}


async def test_a_deleted_pool_takes_its_lease_along(db: Database) -> None:
    made = await db.transact(lambda tx: pools.create(tx, "new", False, NOW))
    new = NewDevice("phone", Kind.SANDBOX, made.id)
    device = await db.transact(lambda tx: manage.create(tx, new, NOW))
    held = await take(db, ANN)
    assert len(held) == 2

    await db.transact(lambda tx: manage.delete(tx, device.id))
    await db.transact(lambda tx: pools.delete(tx, made.id))

    assert [lease.pool_id for lease in await beat(db, ANN)] == [POOL]


async def is_free(db: Database) -> bool:
    """Whether the default pool is there to be taken."""
    async with db.read() as tx:
        return (await leases.look(tx, ANN)).free == 1


async def workers(db: Database) -> int:
    async with db.read() as tx:
        return await leases.workers(tx)


async def until_one_waits(connection: asyncpg.Connection) -> None:
    """Until a statement of this database waits for a lock."""
    waits = """
        select count(*) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'
    """
    await until(lambda: connection.fetchval(waits))
