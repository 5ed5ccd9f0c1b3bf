"""Devices: what people want of them, and what their drivers find."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from waypost.devices import find, fleet_view, manage, numbers, pools
from waypost.devices.errors import NameTaken, NoneAvailable, NoSuchDevice
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice, State
from waypost.kit.db import Database
from waypost.kit.errors import Invalid

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


async def make(db: Database, name: str = "phone", pool_id: int | None = None) -> Device:
    new = NewDevice(name, Kind.SANDBOX, pool_id, {"rate": 5})
    return await db.transact(lambda tx: manage.create(tx, new, NOW))


async def reread(db: Database, device: Device) -> Device:
    async with db.read() as tx:
        return await find.device(tx, device.id, None)


async def test_a_simulated_device_is_connected_at_once_and_joins_the_default_pool(
    db: Database,
) -> None:
    made = await make(db)

    async with db.read() as tx:
        default = next(pool for pool in await pools.listed(tx) if pool.is_default)
    assert made.pool_id == default.id
    assert (made.state, made.state_reason, made.state_at) == (State.CONNECTED, None, NOW)
    assert made.is_simulated
    assert made.is_wanted
    assert not made.is_paused
    assert await reread(db, made) == made


async def test_names_are_unique_whatever_their_case(db: Database) -> None:
    made = await make(db, "phone")
    other = await make(db, "other")

    with pytest.raises(NameTaken):
        await make(db, "PHONE")
    with pytest.raises(NameTaken):
        await db.transact(lambda tx: manage.change(tx, other.id, DeviceChange(name=made.name)))


async def test_a_device_needs_a_pool_that_exists(db: Database) -> None:
    made = await make(db)

    with pytest.raises(Invalid, match="pool_id"):
        await make(db, "other", pool_id=2**40)
    with pytest.raises(Invalid, match="pool_id"):
        await db.transact(lambda tx: manage.change(tx, made.id, DeviceChange(pool_id=2**40)))


async def test_a_change_leaves_what_it_does_not_name(db: Database) -> None:
    made = await make(db)
    pool = await db.transact(lambda tx: pools.create(tx, "second", False, NOW))

    async def change(to: DeviceChange) -> Device:
        return await db.transact(lambda tx: manage.change(tx, made.id, to))

    renamed = await change(DeviceChange(name="renamed"))
    moved = await change(DeviceChange(pool_id=pool.id))
    faster = await change(DeviceChange(config={"read_seconds": 0.5}))

    assert (renamed.name, renamed.pool_id, renamed.config) == ("renamed", made.pool_id, {"rate": 5})
    assert (moved.name, moved.pool_id) == ("renamed", pool.id)
    assert (faster.pool_id, faster.config) == (pool.id, {"read_seconds": 0.5})


async def test_what_is_not_there_is_not_found(db: Database) -> None:
    made = await make(db)
    await db.transact(lambda tx: manage.delete(tx, made.id))

    for work in (
        lambda tx: find.device(tx, made.id, None),
        lambda tx: manage.change(tx, made.id, DeviceChange(name="x")),
        lambda tx: manage.delete(tx, made.id),
        lambda tx: manage.pause(tx, made.id),
        lambda tx: manage.connect(tx, made.id, NOW),
    ):
        with pytest.raises(NoSuchDevice):
            await db.transact(work)


async def test_a_device_of_another_pool_is_not_seen(db: Database) -> None:
    pool = await db.transact(lambda tx: pools.create(tx, "second", False, NOW))
    made = await make(db, pool_id=pool.id)

    async with db.read() as tx:
        assert await find.devices(tx, pool.id) == [made]
        assert made in await find.devices(tx, None)
        assert await find.device(tx, made.id, pool.id) == made
        with pytest.raises(NoSuchDevice):
            await find.device(tx, made.id, pool.id + 1)


@pytest.mark.parametrize(
    ("take_down", "state"),
    [(manage.disconnect, State.DISCONNECTED), (manage.logout, State.LOGGED_OUT)],
)
async def test_a_device_that_was_taken_down_stays_down(
    db: Database, take_down: object, state: State
) -> None:
    made = await make(db)
    down = await db.transact(lambda tx: take_down(tx, made.id, LATER))  # type: ignore[operator]  # a verb of manage

    await db.transact(lambda tx: fleet_view.connected(tx, made.id, LATER))
    await db.transact(lambda tx: fleet_view.dropped(tx, made.id, "lost", LATER))

    assert (down.state, down.state_at, down.is_wanted) == (state, LATER, False)
    assert await reread(db, made) == down
    up = await db.transact(lambda tx: manage.connect(tx, made.id, LATER))
    assert up.state is State.CONNECTED


async def test_a_device_that_dropped_is_still_wanted_and_comes_back(db: Database) -> None:
    made = await make(db)

    await db.transact(lambda tx: fleet_view.dropped(tx, made.id, "no network", LATER))
    dropped = await reread(db, made)
    await db.transact(
        lambda tx: fleet_view.dropped(tx, made.id, "still none", LATER + LATER.resolution)
    )
    again = await reread(db, made)
    await db.transact(lambda tx: fleet_view.connected(tx, made.id, LATER))
    back = await reread(db, made)

    assert (dropped.state, dropped.state_reason) == (State.DISCONNECTED, "no network")
    assert (dropped.state_at, dropped.is_wanted) == (LATER, True)
    assert (again.state_reason, again.state_at) == ("still none", LATER)
    assert (back.state, back.state_reason, back.is_wanted) == (State.CONNECTED, None, True)


async def test_a_dropped_device_that_is_disconnected_by_people_is_no_longer_wanted(
    db: Database,
) -> None:
    made = await make(db)
    await db.transact(lambda tx: fleet_view.dropped(tx, made.id, "no network", NOW))

    down = await db.transact(lambda tx: manage.disconnect(tx, made.id, LATER))

    assert (down.state_reason, down.state_at, down.is_wanted) == (None, LATER, False)


async def test_asking_for_the_state_it_has_does_not_move_its_time(db: Database) -> None:
    made = await make(db)

    same = await db.transact(lambda tx: manage.connect(tx, made.id, LATER))

    assert same == made


async def test_pausing_leaves_the_connection(db: Database) -> None:
    made = await make(db)

    paused = await db.transact(lambda tx: manage.pause(tx, made.id))
    resumed = await db.transact(lambda tx: manage.resume(tx, made.id))

    assert (paused.is_paused, paused.state) == (True, State.CONNECTED)
    assert resumed == made


async def test_the_fleet_sees_every_device_and_every_pool(db: Database) -> None:
    pool = await db.transact(lambda tx: pools.create(tx, "empty", False, NOW))
    made = await make(db)

    async with db.read() as tx:
        assert made in await fleet_view.load(tx)
        assert pool.id in await fleet_view.pool_ids(tx)


async def test_numbers_are_looked_up_only_where_a_device_can_send(db: Database) -> None:
    pool = await db.transact(lambda tx: pools.create(tx, "second", False, NOW))
    made = await make(db, pool_id=pool.id)

    async with db.tx() as tx:
        await numbers.require_device(tx, pool.id)
        await manage.pause(tx, made.id)
        with pytest.raises(NoneAvailable):
            await numbers.require_device(tx, pool.id)


def test_the_sandbox_says_which_numbers_are_on_whatsapp() -> None:
    spelled = numbers.look_up("+27 82 123-4567")
    absent = numbers.look_up("27821230001")
    nonsense = numbers.look_up("not a number")

    assert (spelled.number, spelled.on_whatsapp) == ("27821234567", True)
    assert (absent.number, absent.on_whatsapp) == ("27821230001", False)
    assert (nonsense.number, nonsense.on_whatsapp) == ("not a number", None)


async def test_two_who_take_one_name_at_once_get_one_device(db: Database) -> None:
    made = await asyncio.gather(*(make(db, "same") for _ in range(5)), return_exceptions=True)

    assert sum(isinstance(each, Device) for each in made) == 1
    assert sum(isinstance(each, NameTaken) for each in made) == 4
