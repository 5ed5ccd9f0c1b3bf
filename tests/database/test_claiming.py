"""Workers claim what their pool's devices may send now, and nothing without the pool's lease."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import QUICK, House, jobs_of, reached, told, until, worker
from tests.support.proxy import Loss, Relay
from waypost.devices import days, find, manage, pools
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice
from waypost.kit.db import Database

OTHER = UUID(int=7)
DONE = "Read"
TOUCHED = "select count(*) from pgqueuer where status = 'queued' and updated > created"


@pytest.fixture(autouse=True)
async def alone(connection: asyncpg.Connection) -> None:
    """The default pool has the test's own devices only."""
    await connection.execute("delete from devices")


async def make(
    db: Database,
    name: str = "phone",
    pacing: Mapping[str, object] | None = None,
    config: Mapping[str, object] | None = None,
    pool_id: int = 1,
) -> Device:
    new = NewDevice(name, Kind.SANDBOX, pool_id, config or {}, pacing or {})
    return await db.transact(lambda tx: manage.create(tx, new, datetime.now(UTC)))


async def repace(db: Database, device: Device, pacing: Mapping[str, object]) -> None:
    await db.transact(lambda tx: manage.change(tx, device.id, DeviceChange(pacing=pacing)))


def numbers(count: int, first: int = 1_001_000) -> list[str]:
    """So many recipients without a fate of their own."""
    return [f"2782{number:07}" for number in range(first, first + count)]


async def moments(connection: asyncpg.Connection) -> list[datetime]:
    """When messages were handed to the wire, in that order."""
    rows = await connection.fetch(
        "select marked_at from messages where marked_at is not null order by marked_at"
    )
    return [row["marked_at"] for row in rows]


async def available(db: Database, pool_id: int = 1) -> tuple[int, int]:
    async with db.tx() as tx:
        return (await pools.counts(tx, [pool_id]))[pool_id]


def most_within(times: Sequence[datetime], seconds: float) -> int:
    span = timedelta(seconds=seconds)
    return max(sum(begin <= at < begin + span for at in times) for begin in times)


async def test_a_paced_pool_keeps_its_rate_and_its_work_in_the_lane(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await make(db, pacing={"per_second": 30})
    ids = await house.accept(*numbers(150))

    async def all_read() -> bool:
        assert await connection.fetchval(TOUCHED) == 0, "more was claimed than could go"
        return await reached(house, ids, DONE)

    async with worker(database_url):
        await until(all_read, 40)

    times = await moments(connection)
    assert len(times) == 150
    assert most_within(times, 1.0) <= 33
    assert (times[-1] - times[0]).total_seconds() >= 150 / 30 - 0.2


async def test_a_device_like_a_phone_spaces_its_messages(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    pacing = {"spacing": [0.2, 0.5], "per_minute": 600}
    await make(db, pacing=pacing, config={"like": "linked"})
    ids = await house.accept(*numbers(8))

    async with worker(database_url):
        await until(lambda: reached(house, ids, DONE))

    gaps = [(b - a).total_seconds() for a, b in pairwise(await moments(connection))]
    assert min(gaps) >= 0.19
    assert max(gaps) - min(gaps) > 0.02


async def test_a_days_cap_holds_over_restarts_and_is_told_and_can_be_raised(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    device = await make(db, pacing={"daily_cap": 5})
    ids = await house.accept(*numbers(8))

    async def capped() -> bool:
        statuses = Counter(await house.statuses(ids))
        return statuses == {DONE: 5, "Queued": 3} and await available(db) == (0, 1)

    async with worker(database_url):
        await until(capped)
    async with worker(database_url):
        await until(lambda: is_connected(db, device))
        await until(capped)
        async with db.read() as tx:
            assert await days.sent(tx, device.id, datetime.now(UTC)) == 5
            rests_until = (await find.device(tx, device.id, None)).rests_until
        assert rests_until is not None
        assert rests_until.time() == datetime.min.time()

        await repace(db, device, {"daily_cap": 100})
        await until(lambda: reached(house, ids, DONE))
        await until(lambda: is_available(db))


async def test_in_quiet_hours_nothing_goes_but_what_is_late_still_expires(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    now = datetime.now(UTC)
    quiet = {
        "from": (now - timedelta(hours=2)).strftime("%H:%M"),
        "to": (now + timedelta(hours=2)).strftime("%H:%M"),
        "timezone": "UTC",
    }
    device = await make(db, pacing={"quiet_hours": quiet})
    late = await house.accept(*numbers(1), lifetime=timedelta(seconds=1))
    ids = await house.accept(*numbers(3, first=2_001_000))

    async with worker(database_url):
        await until(lambda: rests(db, device))
        await until(lambda: reached(house, late, "Expired"))
        assert await reached(house, ids, "Queued")
        assert await available(db) == (0, 1)
        assert {job["status"] for job in await jobs_of(connection)} == {"queued"}

        await repace(db, device, {})
        await until(lambda: reached(house, ids, DONE))
    assert await house.balance() == 7


async def test_a_worker_that_lost_its_lease_claims_nothing_more(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    second = await db.transact(lambda tx: pools.create(tx, "second", False, house.clock.now()))
    witness = await House(db, account_id=2, pool_id=second.id).open()
    await make(db, "mine")
    await make(db, "theirs", pool_id=second.id)

    async with worker(database_url):
        before = await house.accept(*numbers(3))
        await until(lambda: reached(house, before, DONE))
        await house.lease(OTHER)
        ids = await house.accept(*numbers(3, first=2_001_000))
        for first in range(3_001_000, 3_001_030, 10):
            seen = await witness.accept(*numbers(3, first=first))
            await until(lambda seen=seen: reached(witness, seen, DONE))

    assert await reached(house, ids, "Queued")
    assert [await told(connection, id) for id in ids] == [["message.queued"]] * 3
    assert await connection.fetchval(TOUCHED) == 0


async def test_what_may_be_repeated_goes_only_by_a_device_whose_network_drops_repeats(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    twice = await make(db, "sends twice", config={"deduplicates": False})
    (id,) = await house.accept(*numbers(1))
    await house.mark(device_id=twice.id + 1000)
    await connection.execute("update leases set until = now()")

    async with worker(database_url):
        others = await house.accept(*numbers(3, first=2_001_000))
        await until(lambda: reached(house, others, DONE))
        await until(lambda: is_deferred(connection))
        assert await house.statuses([id]) == ["Sending"]

        once = await make(db, "drops repeats")
        await until(lambda: reached(house, [id], DONE))

    (state,) = await house.states([id])
    assert (state.device_id, state.mark) == (once.id, 2)
    assert await jobs_of(connection) == []


@pytest.mark.parametrize("lose", [manage.pause, manage.disconnect, manage.delete])
async def test_devices_that_go_one_after_another_strand_nothing(
    database_url: str, db: Database, connection: asyncpg.Connection, lose: object
) -> None:
    house = await House(db).open(credits=2000)
    devices = [await make(db, f"phone {n}", config={"rate": 100}) for n in range(3)]
    ids = await house.accept(*numbers(1000))

    async def sent(most: int) -> bool:
        return len(await moments(connection)) >= most

    async with worker(database_url, QUICK):
        for device, first in zip(devices, (80, 160, 240), strict=True):
            await until(lambda first=first: sent(first))
            await gone(db, device, lose)
        await until(lambda: nobody_sends(db, connection))
        assert "Queued" in await house.statuses(ids)

        last = await make(db, "phone 4")
        # What the network still had to tell by a device that is gone, nobody hears.
        await until(lambda: reached(house, ids, "Sent", "Delivered", "Read"), 40)

    assert {state.attempts for state in await house.states(ids)} == {1}
    assert last.id in {state.device_id for state in await house.states(ids)}
    assert await jobs_of(connection) == []
    assert await house.balance() == 1000


async def gone(db: Database, device: Device, lose: object) -> None:
    now = datetime.now(UTC)
    async with db.tx() as tx:
        if lose is manage.disconnect:
            await manage.disconnect(tx, device.id, now)
        else:
            await lose(tx, device.id)  # a verb of manage


async def nobody_sends(db: Database, connection: asyncpg.Connection) -> bool:
    """Whether no device takes anything, and nothing is on its way."""
    moving = "select count(*) from messages where status = 'Sending'"
    can_send, _ = await available(db)
    return not can_send and not await connection.fetchval(moving)


async def is_connected(db: Database, device: Device) -> bool:
    async with db.read() as tx:
        return (await find.device(tx, device.id, None)).state == "connected"


async def is_available(db: Database) -> bool:
    return await available(db) == (1, 1)


async def rests(db: Database, device: Device) -> bool:
    async with db.read() as tx:
        return (await find.device(tx, device.id, None)).rests_until is not None


async def is_deferred(connection: asyncpg.Connection) -> bool:
    jobs = await jobs_of(connection)
    return [job["status"] for job in jobs] == ["queued"] and jobs[0]["wait"] > timedelta(0)


async def test_what_was_perhaps_marked_is_not_sent_and_goes_again_at_once(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await make(db, config={"deduplicates": False})
    relay = Relay(database_url)
    relay.loss, relay.after = Loss.AFTER, b"update messages m"

    async with relay.running(), worker(relay.url):
        (id,) = await house.accept(*numbers(1))
        await until(lambda: reached(house, [id], DONE), 10)

    assert relay.loss is Loss.NONE
    facts = [fact.removeprefix("message.") for fact in await told(connection, id)]
    assert facts == ["queued", "sending", "requeued", "sending", "sent", "delivered", "read"]
    (state,) = await house.states([id])
    assert (state.attempts, state.mark) == (1, 2)
