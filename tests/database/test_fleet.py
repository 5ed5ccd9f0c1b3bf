"""A worker follows the devices as people add, pause, disconnect and delete them."""

import asyncio

import asyncpg

from tests.support.messages import (
    PLAIN,
    House,
    reached,
    until,
    worker,
)
from waypost.app.presence import WORKER
from waypost.devices import manage, pools
from waypost.devices.model import Kind, NewDevice
from waypost.kit.db import Database


async def states_of_devices(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch("select state from devices order by id")
    return [row["state"] for row in rows]


async def test_paused_devices_send_nothing_until_they_are_resumed(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    for id in (1, 2):
        async with db.tx() as tx:
            await manage.pause(tx, id)

    async with worker(database_url):
        ids = await house.accept(*[PLAIN] * 30)
        await until(lambda: reached(house, ids, "Read"))
        assert {state.device_id for state in await house.states(ids)} == {3}
        async with db.tx() as tx:
            await manage.resume(tx, 1)
            await manage.pause(tx, 3)
        await asyncio.sleep(1.5)  # a worker looks each second
        ids = await house.accept(*[PLAIN] * 30)
        await until(lambda: reached(house, ids, "Read"))
        assert {state.device_id for state in await house.states(ids)} == {1}


async def test_the_rows_of_devices_tell_the_truth(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    async def are(*states: str) -> bool:
        return await states_of_devices(connection) == list(states)

    async with worker(database_url):
        await until(lambda: db.is_present(WORKER))
        async with db.tx() as tx:
            await manage.disconnect(tx, 2, House(db).clock.now())
        await until(lambda: are("connected", "disconnected", "connected"))
        async with db.tx() as tx:
            await manage.connect(tx, 2, House(db).clock.now())
            await manage.delete(tx, 3)
        await until(lambda: are("connected", "connected"))
    assert await are("disconnected", "disconnected")
    assert not await db.is_present(WORKER)

    async with worker(database_url):
        await until(lambda: are("connected", "connected"))


async def test_a_dropped_device_is_shown_as_such_until_it_is_back(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept("27821230007")

    async def dropped() -> bool:
        reason = "select count(*) from devices where state_reason like '%dropped%'"
        return bool(await connection.fetchval(reason))

    async def back() -> bool:
        return await states_of_devices(connection) == ["connected"] * 3

    async with worker(database_url):
        await until(dropped)
        await until(lambda: reached(house, ids, "Read"))
        await until(back)


async def test_a_pool_that_comes_while_the_worker_runs_is_served(
    database_url: str, db: Database
) -> None:
    house = House(db, pool_id=2)
    await house.open()

    async with worker(database_url):
        async with db.tx() as tx:
            pool = await pools.create(tx, "new", False, house.clock.now())
            await manage.create(tx, NewDevice("n1", Kind.SANDBOX, pool.id), house.clock.now())
        assert pool.id == 2
        ids = await house.accept(PLAIN)
        await until(lambda: reached(house, ids, "Read"))
