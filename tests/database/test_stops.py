"""What callbacks stopped of a device is kept until it is over, or until somebody sees to it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from tests.support.official import AT, Number
from waypost.devices import manage, stops
from waypost.devices.model import Device, DeviceChange
from waypost.drivers.news import Stop
from waypost.kit.db import Database, Tx

HOUR = timedelta(hours=1)
ONE = Number("1", "10")


def stop(device: Device, level: str = "account", lasts: timedelta = HOUR) -> Stop:
    return Stop(device.id, AT, AT + lasts, level, "131042", "See its payment method.")


async def stopped(db: Database, device: Device, later: timedelta = timedelta()) -> list[Stop]:
    async with db.read() as tx:
        found = await stops.of_devices(tx, [device.id], AT + later)
    return found.get(device.id, [])


async def test_of_several_the_one_that_lasts_longest_holds_until_its_time(db: Database) -> None:
    device = await ONE.make(db)
    short, long = stop(device), stop(device, lasts=2 * HOUR)

    for told in ([short, long], [short]):
        await db.transact(lambda tx, told=told: stops.note(tx, told))
        assert await stopped(db, device) == [long]

    assert await stopped(db, device, 2 * HOUR) == []


async def connect(tx: Tx, id: int) -> Device:
    return await manage.connect(tx, id, AT)


async def give_a_token(tx: Tx, id: int) -> Device:
    return await manage.change(tx, id, DeviceChange(brings_token=True))


async def configure(tx: Tx, id: int) -> Device:
    return await manage.change(tx, id, DeviceChange(config=ONE.config))


async def rename(tx: Tx, id: int) -> Device:
    return await manage.change(tx, id, DeviceChange(name="another"))


@pytest.mark.parametrize("see_to_it", [connect, give_a_token, configure])
async def test_who_sees_to_a_device_ends_what_is_stopped_of_it_alone(
    db: Database, see_to_it: Callable[[Tx, int], Awaitable[Device]]
) -> None:
    device, other = await ONE.make(db), await Number("2", "10").make(db, "other")
    told = [stop(device), stop(device, "token"), stop(other)]
    await db.transact(lambda tx: stops.note(tx, told))

    await db.transact(lambda tx: see_to_it(tx, device.id))

    assert await stopped(db, device) == []
    assert await stopped(db, other) == [stop(other)]


async def test_another_name_ends_nothing(db: Database) -> None:
    device = await ONE.make(db)
    await db.transact(lambda tx: stops.note(tx, [stop(device)]))

    await db.transact(lambda tx: rename(tx, device.id))

    assert await stopped(db, device) == [stop(device)]


async def test_of_a_device_that_is_gone_nothing_is_noted(
    db: Database, connection: asyncpg.Connection
) -> None:
    device = await ONE.make(db)
    await db.transact(lambda tx: manage.delete(tx, device.id))

    await db.transact(lambda tx: stops.note(tx, [stop(device)]))

    assert await connection.fetchval("select count(*) from device_stops") == 0


async def test_what_is_over_for_a_day_is_forgotten(
    db: Database, connection: asyncpg.Connection
) -> None:
    device = await ONE.make(db)
    lasting = replace(stop(device, "device"), until=AT + 2 * HOUR)
    await db.transact(lambda tx: stops.note(tx, [stop(device), lasting]))

    assert not await db.transact(lambda tx: stops.prune(tx, AT + stops.KEPT + 2 * HOUR))

    assert await connection.fetchval("select level from device_stops") == "device"
