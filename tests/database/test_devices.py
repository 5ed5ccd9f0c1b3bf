"""Devices: what people want of them, and what their drivers find."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.messages import House
from tests.support.official import Number
from waypost.devices import capacity, days, find, fleet_view, manage, number, numbers, pools
from waypost.devices.errors import (
    CannotLookUp,
    NameTaken,
    NoneAvailable,
    NoSuchDevice,
    NumberTaken,
)
from waypost.devices.model import (
    Config,
    Device,
    DeviceChange,
    Kind,
    NewDevice,
    Pool,
    State,
)
from waypost.devices.pacing import DEFAULTS, Pacing, Profile
from waypost.devices.schemas import shown
from waypost.drivers.news import NumberNews
from waypost.kit.db import Database
from waypost.kit.errors import Invalid

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(autouse=True)
async def carried(db: Database) -> None:
    """A worker carries the default pool."""
    await House(db).lease()


async def make(
    db: Database,
    name: str = "phone",
    pool_id: int | None = None,
    config: Config | None = None,
    pacing: Config | None = None,
) -> Device:
    new = NewDevice(name, Kind.SANDBOX, pool_id, config or {"rate": 5}, pacing or {})
    return await db.transact(lambda tx: manage.create(tx, new, NOW))


async def second_pool(db: Database) -> Pool:
    """Another pool, which a worker carries too."""
    pool = await db.transact(lambda tx: pools.create(tx, "second", False, NOW))
    await House(db, pool_id=pool.id).lease()
    return pool


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
    pool = await second_pool(db)
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


async def test_the_fleet_sees_every_device_of_its_pools(db: Database) -> None:
    pool = await second_pool(db)
    made = await make(db, "near")
    far = await make(db, "far", pool.id)

    async with db.read() as tx:
        assert made in await fleet_view.load(tx, [made.pool_id], made.created_at)
        assert far not in await fleet_view.load(tx, [made.pool_id], made.created_at)
        assert far in await fleet_view.load(tx, [made.pool_id, pool.id], made.created_at)


async def test_numbers_are_looked_up_only_where_a_device_can_send(db: Database) -> None:
    pool = await second_pool(db)
    made = await make(db, pool_id=pool.id)

    async with db.tx() as tx:
        await numbers.require_device(tx, pool.id)
        await manage.pause(tx, made.id)
        with pytest.raises(NoneAvailable):
            await numbers.require_device(tx, pool.id)


async def test_official_numbers_look_nothing_up_and_do_not_pretend_to(db: Database) -> None:
    pool = await second_pool(db)
    await Number(pool_id=pool.id).make(db)

    async with db.tx() as tx:
        with pytest.raises(CannotLookUp):
            await numbers.require_device(tx, pool.id)
    await make(db, "beside it", pool.id)
    async with db.tx() as tx:
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


async def test_a_device_is_paced_as_its_profile_but_for_what_it_sets(db: Database) -> None:
    plain = await make(db, "plain")
    linked = await make(db, "linked", config={"like": "linked"})
    own = await make(db, "own", config={"like": "cloud"}, pacing={"daily_cap": 7})

    assert (await reread(db, plain)).pacing == Pacing()
    assert (await reread(db, linked)).pacing == DEFAULTS[Profile.LINKED]
    assert (await reread(db, own)).pacing == Pacing(per_second=70, daily_cap=7)


async def test_a_pacing_replaces_the_former_one_and_is_left_by_other_changes(db: Database) -> None:
    made = await make(db, pacing={"per_second": 1.5, "daily_cap": 7})

    async def change(to: DeviceChange) -> Pacing:
        return (await db.transact(lambda tx: manage.change(tx, made.id, to))).pacing

    assert await change(DeviceChange(name="renamed")) == Pacing(per_second=1.5, daily_cap=7)
    assert await change(DeviceChange(pacing={"per_minute": 3})) == Pacing(per_minute=3)
    assert await change(DeviceChange(pacing={})) == Pacing()


async def test_a_warm_up_needs_a_cap_also_when_only_the_profile_changes(db: Database) -> None:
    warm_up = {"warm_up": {"days": 7, "first_day": 5}}
    linked = await make(db, config={"like": "linked"}, pacing=warm_up)

    with pytest.raises(Invalid, match=r"pacing\.warm_up"):
        await make(db, "other", pacing=warm_up)
    with pytest.raises(Invalid, match=r"pacing\.warm_up"):
        await db.transact(lambda tx: manage.change(tx, linked.id, DeviceChange(config={})))
    assert await reread(db, linked) == linked


async def test_a_device_that_rests_is_not_available_until_its_rest_is_over(db: Database) -> None:
    pool = await second_pool(db)
    made = await make(db, pool_id=pool.id)

    async def available() -> tuple[int, int]:
        async with db.tx() as tx:
            return (await pools.counts(tx, [pool.id]))[pool.id]

    async def rest(seconds: float) -> None:
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        await db.transact(lambda tx: fleet_view.rests(tx, made.id, until))

    assert await available() == (1, 1)
    await rest(60)
    assert await available() == (0, 1)
    await rest(-1)
    assert await available() == (1, 1)


async def test_what_a_device_sends_is_counted_by_the_day(db: Database) -> None:
    first, second = await make(db, "first"), await make(db, "second")

    async def sent(device: Device, at: datetime) -> int:
        async with db.read() as tx:
            return await days.sent(tx, device.id, at)

    tomorrow = NOW + timedelta(hours=19)
    for counts, at in (
        ({first.id: 3, second.id: 1}, NOW),
        ({first.id: 2}, NOW + timedelta(hours=18)),
        ({first.id: 1}, tomorrow),
    ):
        await db.transact(lambda tx, counts=counts, at=at: days.count(tx, counts, at))

    assert (await sent(first, NOW), await sent(first, tomorrow)) == (5, 1)
    assert (await sent(second, NOW), await sent(second, tomorrow)) == (1, 0)


async def test_a_deleted_device_is_no_longer_counted(db: Database) -> None:
    made = await make(db)
    await db.transact(lambda tx: days.count(tx, {made.id: 3}, NOW))
    await db.transact(lambda tx: manage.delete(tx, made.id))
    await db.transact(lambda tx: days.count(tx, {made.id: 3}, NOW))

    async with db.read() as tx:
        assert await days.sent(tx, made.id, NOW) == 0


async def test_a_pools_capacity_is_that_of_the_devices_that_can_send(db: Database) -> None:
    pool = await second_pool(db)

    async def rate(ahead: int = 0) -> float:
        async with db.read() as tx:
            return await capacity.rate(tx, pool.id, NOW, ahead)

    assert await rate() == 0
    await make(db, "slow", pool.id, {"rate": 5})
    await make(db, "cloud", pool.id, {"like": "cloud"})
    paused = await make(db, "paused", pool.id)
    await db.transact(lambda tx: manage.pause(tx, paused.id))
    assert await rate() == 75
    assert await rate(10_000) == 75


async def test_beyond_the_caps_of_today_a_capacity_counts_the_days(db: Database) -> None:
    pool = await second_pool(db)
    made = await make(db, "capped", pool.id, pacing={"per_second": 1, "daily_cap": 1000})
    await db.transact(lambda tx: days.count(tx, {made.id: 400}, NOW))

    async def days_for(ahead: int) -> float:
        async with db.read() as tx:
            return ahead / await capacity.rate(tx, pool.id, NOW, ahead) / 86_400

    left_of_today = 1 - (NOW - NOW.replace(hour=0, minute=0, second=0)).total_seconds() / 86_400
    assert await days_for(600) == pytest.approx(600 / 86_400)
    assert await days_for(1600) == pytest.approx(left_of_today + 1)
    assert await days_for(10_600) == pytest.approx(left_of_today + 10)


async def test_without_a_worker_a_pool_has_no_capacity(db: Database) -> None:
    pool = await db.transact(lambda tx: pools.create(tx, "forsaken", False, NOW))
    await make(db, pool_id=pool.id)

    async with db.read() as tx:
        assert await capacity.rate(tx, pool.id, NOW) == 0


async def test_an_official_number_is_one_device(db: Database) -> None:
    one, two = Number("1"), Number("2")
    await one.make(db, "one")
    second = await two.make(db, "two")

    with pytest.raises(NumberTaken):
        await one.make(db, "again")
    change = DeviceChange(config=one.config, brings_token=True)
    with pytest.raises(NumberTaken):
        await db.transact(lambda tx: manage.change(tx, second.id, change))
    assert (await reread(db, second)).config == two.config


async def test_a_configuration_of_another_kind_changes_nothing(db: Database) -> None:
    made = await Number().make(db)

    with pytest.raises(Invalid, match="config"):
        await db.transact(
            lambda tx: manage.change(
                tx, made.id, DeviceChange(config={"rate": 5}, kind=Kind.SANDBOX)
            )
        )
    assert (await reread(db, made)).config == made.config


async def test_a_number_shows_the_latest_that_its_provider_said(db: Database) -> None:
    made = await Number().make(db)

    async def told(quality: str, at: datetime) -> Device:
        news = NumberNews(made.id, at, {"quality_rating": quality})
        await db.transact(lambda tx: number.note(tx, news))
        return await reread(db, made)

    first, later = await told("GREEN", NOW), await told("RED", LATER)
    late = await told("YELLOW", NOW)

    assert (made.number_facts, made.number_at) == (None, None)
    assert (first.number_facts, first.number_at) == ({"quality_rating": "GREEN"}, NOW)
    assert (later.number_facts, later.number_at) == ({"quality_rating": "RED"}, LATER)
    assert late == later
    assert (shown(made, False).number, shown(later, False).number) == (
        None,
        {"quality_rating": "RED", "at": "2026-03-04T05:07:07Z"},
    )


async def test_what_was_said_of_a_number_is_not_shown_of_another(db: Database) -> None:
    made = await Number("1").make(db)
    await db.transact(lambda tx: number.note(tx, NumberNews(made.id, NOW, {"tier": "2K"})))

    async def change(to: DeviceChange) -> Device:
        return await db.transact(lambda tx: manage.change(tx, made.id, to))

    elsewhere = Number("1", graph_url="https://graph.example.com").config
    assert (await change(DeviceChange(name="renamed"))).number_facts == {"tier": "2K"}
    moved = DeviceChange(config=elsewhere, brings_token=True)
    assert (await change(moved)).number_facts == {"tier": "2K"}
    another = await change(DeviceChange(config=Number("2").config, brings_token=True))
    assert (another.number_facts, another.number_at) == (None, None)


HERE = Number("1", "100", graph_url="https://graph.example.com")


@pytest.mark.parametrize(
    "elsewhere",
    [
        replace(HERE, graph_url="https://mine.example.com"),
        replace(HERE, graph_url=None),
        replace(HERE, phone_number_id="2"),
        replace(HERE, business_account_id="200"),
    ],
    ids=["an address", "the usual address", "a number", "a business account"],
)
async def test_a_kept_token_is_used_for_nothing_that_it_was_not_given_for(
    db: Database, elsewhere: Number
) -> None:
    made = await HERE.make(db)

    async def change(to: DeviceChange) -> Device:
        return await db.transact(lambda tx: manage.change(tx, made.id, to))

    with pytest.raises(Invalid, match="access_token: is required"):
        await change(DeviceChange(config=elsewhere.config))
    assert (await reread(db, made)).config == HERE.config
    assert (await change(DeviceChange(config=HERE.config))).config == HERE.config
    moved = await change(DeviceChange(config=elsewhere.config, brings_token=True))
    assert moved.config == elsewhere.config
