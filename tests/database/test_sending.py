"""Between the mark and the settle: what may still be sent, and drivers that fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from tests.support.messages import PLAIN, House, jobs_of, reached, until
from tests.support.scripted import Scripted
from waypost.devices import find
from waypost.devices.leases import Lease
from waypost.dispatch.sender import Sender
from waypost.drivers.port import Accepted, DeviceDown
from waypost.drivers.registry import Made
from waypost.fleet.phone import Past, Phone
from waypost.fleet.tenure import Held, Tenure
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database

CLOCK = SystemClock()
UNCERTAIN_AFTER = timedelta(seconds=60)
AN_HOUR = 3600.0


class Desk:
    """A sender and one phone, under a lease whose deadline the test sets."""

    def __init__(self, house: House, sender: Sender, phone: Phone, tenure: Tenure) -> None:
        self.house = house
        self.sender = sender
        self.phone = phone
        self._tenure = tenure

    async def send(self, lease: Lease, *, seconds_left: float = AN_HOUR) -> None:
        """Send what waits; return when it is settled."""
        deadline = CLOCK.boottime() + seconds_left
        self._tenure.held = {lease.pool_id: Held(lease, deadline, is_ending=False)}
        may_repeat = self.phone.driver.deduplicates
        claimed = await self.house.claim(lease=lease)
        for marked in await self.house.mark_claimed(lease, claimed, may_repeat=may_repeat):
            self.sender.send(lease, self.phone, marked)
        await self.sender.drain(lease.pool_id)


async def nothing_before(_: int) -> Past:
    return Past([], 0)


@asynccontextmanager
async def desk(house: House, wire: Scripted) -> AsyncIterator[Desk]:
    """A sender at work."""
    async with house.db.read() as tx:
        device = await find.device(tx, 1, None)
    async with asyncio.TaskGroup() as group:
        spawn, random = group.create_task, lambda: 0.5
        owner = (await house.lease()).worker_id
        tenure = Tenure(house.db, owner, CLOCK, spawn, AN_HOUR, 1.0)
        sender = Sender(
            house.db, owner, tenure, CLOCK, random, spawn, UNCERTAIN_AFTER, lambda _: None
        )
        phone = Phone(device, Made(wire, 10), nothing_before, CLOCK, random, lambda: None)
        running = [spawn(phone.keep()), spawn(sender.run())]
        await until(lambda: is_up(phone))
        yield Desk(house, sender, phone, tenure)
        for task in running:
            task.cancel()


async def is_up(phone: Phone) -> bool:
    return phone.is_up


async def test_past_the_deadline_nothing_comes_to_the_wire(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(PLAIN)
    wire = Scripted(Accepted("1"))

    async with desk(house, wire) as at:
        lease = await house.lease()
        await at.send(lease, seconds_left=-0.001)

        assert wire.sent == []
        (state,) = await house.states(ids)
        assert (state.status, state.attempts) == ("Queued", 0)
        assert [job["status"] for job in await jobs_of(connection)] == ["queued"]
        assert at.phone.in_flight == 0

        await at.send(lease)
        assert len(wire.sent) == 1
        assert await reached(house, ids, "Sent")


async def test_a_lease_of_another_epoch_does_not_count(db: Database) -> None:
    house = await House(db).open()
    ids = await house.accept(PLAIN)
    wire = Scripted(Accepted("1"))

    async with desk(house, wire) as at:
        lease = await house.lease()
        claimed = await house.claim(lease=lease)
        (marked,) = await house.mark_claimed(lease, claimed)
        later = Lease(lease.pool_id, lease.worker_id, lease.epoch + 1)
        at._tenure.held = {1: Held(later, CLOCK.boottime() + AN_HOUR, is_ending=False)}
        at.sender.send(lease, at.phone, marked)
        await at.sender.drain(lease.pool_id)

    assert wire.sent == []
    assert await reached(house, ids, "Queued")


async def test_of_a_send_that_raises_nobody_knows_whether_it_left(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(PLAIN)
    wire = Scripted(RuntimeError("a bug"))

    async with desk(house, wire) as at:
        await at.send(await house.lease())

        assert await reached(house, ids, "Sending")
        (job,) = await jobs_of(connection)
        assert job["status"] == "queued"
        assert timedelta(seconds=50) < job["wait"] <= UNCERTAIN_AFTER
        assert at.phone.in_flight == 0


async def test_where_repeats_are_dropped_it_goes_again_under_the_same_id(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    ids = await house.accept(PLAIN)
    wire = Scripted(RuntimeError("a bug"), Accepted("1"), deduplicates=True)

    async with desk(house, wire) as at:
        lease = await house.lease()
        await at.send(lease)
        await connection.execute("update pgqueuer set execute_after = now()")
        await at.send(lease)

    assert await reached(house, ids, "Sent")
    first, second = wire.sent
    assert first.provider_id == second.provider_id


async def test_an_outcome_that_cannot_be_written_neither_blocks_others_nor_leaks_its_job(
    db: Database, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = await House(db).open()
    ids = await house.accept(PLAIN, "27821234568")
    wire = Scripted(Accepted("not\0possible"), Accepted("2"), deduplicates=True)

    async with desk(house, wire) as at:
        lease = await house.lease()
        await at.send(lease)

        assert sorted(await house.statuses(ids)) == ["Sending", "Sent"]
        assert (at.phone.in_flight, at.sender.flying(0)) == (0, [])
        await house.abandon()
        wire.answers = [Accepted("1")]
        await at.send(lease)

    assert await reached(house, ids, "Sent")


async def test_a_device_that_drops_at_every_send_rests_longer_each_time_until_one_goes(
    db: Database,
) -> None:
    house = await House(db).open()
    down = DeviceDown("The line is dead.")
    wire = Scripted(down, down, Accepted("1"), down)

    async with desk(house, wire) as at:
        troubles = []
        for _ in range(4):
            await until(lambda: is_up(at.phone))
            await house.accept(PLAIN)
            await at.send(await house.lease())
            troubles.append(at.phone.trouble)

    assert troubles == [
        "The line is dead. Next try after 0.8 s; setbacks in a row: 1.",
        "The line is dead. Next try after 1.5 s; setbacks in a row: 2.",
        None,
        "The line is dead. Next try after 0.8 s; setbacks in a row: 1.",
    ]
    assert wire.connected == 3
