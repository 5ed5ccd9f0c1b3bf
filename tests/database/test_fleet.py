"""A worker follows the devices as people add, pause, disconnect and delete them."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.support.messages import (
    PLAIN,
    House,
    plain,
    reached,
    until,
    worker,
)
from tests.support.official import AT, SEALER, Number
from tests.support.provider import Provider, provider
from tests.support.rigs import EmptyShelf
from waypost.devices import find, leases, manage, pools, vault
from waypost.devices.find import NOT_CARRIED
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice
from waypost.drivers import secrets
from waypost.drivers.registry import Config, Made, Sealed, makers
from waypost.drivers.sandbox import Manner, SandboxDriver
from waypost.drivers.simulation import Delays, Network, Simulation
from waypost.fleet.fleet import Fleet
from waypost.fleet.tenure import Tenure
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database, Tx


async def devices(db: Database) -> list[Device]:
    """All devices, as people see them."""
    async with db.read() as tx:
        return await find.devices(tx, None)


async def are(db: Database, *states: str) -> bool:
    """Whether the devices are in these states."""
    return [device.state for device in await devices(db)] == list(states)


async def test_paused_devices_send_nothing_until_they_are_resumed(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    for id in (1, 2):
        async with db.tx() as tx:
            await manage.pause(tx, id)

    async with worker(database_url):
        ids = await house.accept(*plain(30))
        await until(lambda: reached(house, ids, "Read"))
        assert {state.device_id for state in await house.states(ids)} == {3}
        async with db.tx() as tx:
            await manage.resume(tx, 1)
            await manage.pause(tx, 3)
        await asyncio.sleep(1.5)  # a worker looks each second
        ids = await house.accept(*plain(30))
        await until(lambda: reached(house, ids, "Read"))
        assert {state.device_id for state in await house.states(ids)} == {1}


async def test_what_is_told_of_devices_is_the_truth(database_url: str, db: Database) -> None:
    assert await are(db, *["disconnected"] * 3)

    async with worker(database_url):
        await until(lambda: are(db, *["connected"] * 3))
        async with db.tx() as tx:
            await manage.disconnect(tx, 2, House(db).clock.now())
        await until(lambda: are(db, "connected", "disconnected", "connected"))
        async with db.tx() as tx:
            await manage.connect(tx, 2, House(db).clock.now())
            await manage.delete(tx, 3)
        await until(lambda: are(db, "connected", "connected"))
    assert await are(db, "disconnected", "disconnected")
    assert {device.state_reason for device in await devices(db)} == {NOT_CARRIED}

    async with worker(database_url):
        await until(lambda: are(db, "connected", "connected"))


async def test_a_dropped_device_is_shown_as_such_until_it_is_back(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    ids = await house.accept("27821230007")

    async def dropped() -> bool:
        return any("dropped" in (device.state_reason or "") for device in await devices(db))

    async with worker(database_url):
        await until(dropped)
        await until(lambda: reached(house, ids, "Read"))
        await until(lambda: are(db, *["connected"] * 3))


class Watched(SandboxDriver):
    """A sandbox device whose end is noted."""

    def __init__(self, device_id: int, ended: list[int]) -> None:
        clock = SystemClock()
        network = Network()
        manner = Manner(rate=1000, delivered_seconds=0.05, read_seconds=0.1)
        super().__init__(Simulation(network, Delays(), clock), network, manner, clock, lambda: 0.5)
        self._device_id = device_id
        self._ended = ended

    async def close(self) -> None:
        await super().close()
        self._ended.append(self._device_id)


async def test_a_worker_that_lost_a_pool_closes_its_devices_and_tells_nothing_of_them(
    db: Database,
) -> None:
    ended: list[int] = []
    makers = {"sandbox": lambda device_id, *_: Made(Watched(device_id, ended), 10)}
    clock = SystemClock()

    async def up() -> bool:
        return len(fleet.in_service(1)) == 3 and await are(db, *["connected"] * 3)

    async def down() -> bool:
        return sorted(ended) == [1, 2, 3]

    async with asyncio.TaskGroup() as group:
        tenure = Tenure(db, UUID(int=1), clock, group.create_task, 1.0, 1.0)
        fleet = Fleet(db, makers, tenure, clock, lambda: 0.5, group.create_task)
        tenure.on_change = fleet.look
        running = [group.create_task(loop()) for loop in (tenure.run, fleet.run, fleet.hear)]
        await until(up)
        await db.transact(take_over)
        await until(down)
        assert fleet.in_service(1) == []
        for task in running:
            task.cancel()

    assert await are(db, *["connected"] * 3)


async def test_a_device_whose_secrets_or_configuration_change_gets_a_driver_of_those(
    db: Database,
) -> None:
    made: list[tuple[str, Mapping[str, str] | None]] = []
    ended: list[int] = []

    def official(device_id: int, config: Config, sealed: Sealed) -> Made:
        made.append((str(config["phone_number_id"]), secrets.unseal(SEALER, device_id, sealed)))
        return Made(Watched(device_id, ended), 10)

    pool = await db.transact(lambda tx: pools.create(tx, "official", False, AT))
    first = Number("1", pool_id=pool.id)
    device = await first.make(db)
    anew = {"access_token": "EAAG-anew"}
    clock = SystemClock()

    async def drivers(count: int) -> None:
        await until(lambda: _is(len(made), count))

    async with asyncio.TaskGroup() as group:
        tenure = Tenure(db, UUID(int=1), clock, group.create_task, 10.0, 1.0)
        makers = {"cloud": official, "sandbox": lambda which, *_: Made(Watched(which, ended), 10)}
        fleet = Fleet(db, makers, tenure, clock, lambda: 0.5, group.create_task)
        tenure.on_change = fleet.look
        for loop in (tenure.run, fleet.run, fleet.hear):
            group.create_task(loop())
        await drivers(1)
        await db.transact(lambda tx: vault.keep(tx, SEALER, device.id, anew))
        await drivers(2)
        change = DeviceChange(config=Number("2").config, brings_token=True)
        await db.transact(lambda tx: manage.change(tx, device.id, change))
        await drivers(3)
        await until(lambda: _is(ended, [device.id] * 2))
        await tenure.leave()
        await fleet.close()

    later = {**first.secrets, **anew}
    assert made == [("1", first.secrets), ("1", later), ("2", later)]


async def test_a_device_that_moves_takes_no_former_token_along(db: Database) -> None:
    pool = await db.transact(lambda tx: pools.create(tx, "official", False, AT))
    clock = SystemClock()

    def tokens(where: Provider) -> set[str]:
        return {asked.headers["authorization"] for asked in where.asked}

    async with provider() as here, provider() as there, asyncio.TaskGroup() as group:
        former = Number(graph_url=here.url, access_token="former", pool_id=pool.id)
        device = await former.make(db)
        tenure = Tenure(db, UUID(int=1), clock, group.create_task, 10.0, 1.0)
        making = makers(Settings(), clock, lambda: 0.5, SEALER, lambda _: EmptyShelf())
        fleet = Fleet(db, making, tenure, clock, lambda: 0.5, group.create_task)
        tenure.on_change = fleet.look
        for loop in (tenure.run, fleet.run, fleet.hear):
            group.create_task(loop())
        await until(lambda: _is(tokens(here), {"Bearer former"}))

        async def move(tx: Tx) -> None:
            config = replace(former, graph_url=there.url).config
            await manage.change(tx, device.id, DeviceChange(config=config, brings_token=True))
            await vault.keep(tx, SEALER, device.id, {"access_token": "later"})

        await db.transact(move)
        await until(lambda: _is(tokens(there), {"Bearer later"}))
        await tenure.leave()
        await fleet.close()

    assert tokens(there) == {"Bearer later"}


async def _is(found: object, expected: object) -> bool:
    return found == expected


async def take_over(tx: Tx) -> None:
    """Another worker takes the pool, and has its devices connected."""
    await tx.execute("update leases set until = now()")
    assert len(await leases.take(tx, UUID(int=2), timedelta(hours=1), 1)) == 1
    await tx.execute("update devices set state = 'connected', state_reason = null")


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
