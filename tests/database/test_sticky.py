"""A recipient keeps hearing from the device that wrote to them before, while it can."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from tests.support.messages import House, reached, until, worker
from waypost.devices import manage, pools
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice
from waypost.drivers.port import Accepted
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.messages import partitions, store_sticky
from waypost.messages.sticky import Sticky
from waypost.messages.store_progress import Text

NUMBERS = [f"2782{number:07}" for number in range(1_001_000, 1_001_030)]
ONE, TWO = NUMBERS[:2]
SENT = ("Sent", "Delivered", "Read")


async def make(
    db: Database, name: str, pacing: Mapping[str, object] | None = None, pool_id: int = 1
) -> Device:
    new = NewDevice(name, Kind.SANDBOX, pool_id, {}, pacing or {})
    return await db.transact(lambda tx: manage.create(tx, new, datetime.now(UTC)))


async def repace(db: Database, device_id: int, pacing: Mapping[str, object]) -> None:
    await db.transact(lambda tx: manage.change(tx, device_id, DeviceChange(pacing=pacing)))


async def are_up(db: Database, devices: int) -> bool:
    async with db.tx() as tx:
        return (await pools.counts(tx, [1]))[1] == (devices, devices)


async def carriers(house: House, ids: Sequence[UUID]) -> list[int | None]:
    """By which devices these messages went."""
    return [state.device_id for state in await house.states(ids)]


async def send(house: House, *numbers: str, **options: int) -> list[int | None]:
    """Send a message to each number; returns by which devices they went."""
    ids = await house.accept(*numbers, **options)  # device_id alone
    await until(lambda: reached(house, ids, *SENT))
    return await carriers(house, ids)


async def wrote(house: House, device_id: int, *numbers: str) -> None:
    """The device writes to these numbers, and is done with it."""
    await house.accept(*numbers)
    for marked in await house.mark(device_id=device_id):
        await house.settle(marked, Accepted(marked.provider_id))
    async with house.db.tx() as tx:
        await tx.execute("update leases set until = now()")


async def next_texts(house: House, *numbers: str) -> list[Text]:
    """Accept a message to each number, and take them to be sent."""
    await house.accept(*numbers)
    return [claimed.text for claimed in await house.claim()]


async def test_each_recipient_keeps_its_device_also_with_the_next_worker(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()

    async with worker(database_url):
        await until(lambda: are_up(db, 3))
        first = await send(house, *NUMBERS)
        assert len(set(first)) == 3, "the devices share new recipients"
        assert await send(house, *NUMBERS) == first
        assert await send(house, *reversed(NUMBERS)) == first[::-1]
    async with worker(database_url):
        assert await send(house, *NUMBERS) == first


async def test_when_its_device_is_down_another_takes_over_and_keeps_the_recipient(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    await wrote(house, 1, *NUMBERS)
    await db.transact(lambda tx: manage.disconnect(tx, 1, datetime.now(UTC)))

    async with worker(database_url):
        others = await send(house, *NUMBERS)
        assert set(others) <= {2, 3}
        await db.transact(lambda tx: manage.connect(tx, 1, datetime.now(UTC)))
        assert await send(house, *NUMBERS) == others


async def test_a_message_waits_for_a_device_that_soon_has_room(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    await wrote(house, 1, ONE, TWO)
    await repace(db, 1, {"spacing": [1.0, 1.0]})

    async with worker(database_url):
        assert await send(house, ONE, TWO) == [1, 1]


async def test_a_message_does_not_wait_for_a_device_that_has_no_room_for_long(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    await wrote(house, 1, ONE)
    await repace(db, 1, {"spacing": [600, 600]})

    async with worker(database_url):
        (carrier,) = await send(house, ONE)
        assert carrier in (2, 3)


async def test_no_more_wait_for_a_device_than_it_takes_in_that_time(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    await wrote(house, 1, *NUMBERS)
    await repace(db, 1, {"spacing": [1.0, 1.0]})

    async with worker(database_url):
        carried = await send(house, *NUMBERS)

    assert 1 <= carried.count(1) <= 6
    assert len(set(carried)) > 1


async def test_the_device_that_a_sender_asks_for_counts_as_the_one_that_wrote(
    database_url: str, db: Database
) -> None:
    house = await House(db).open()
    await wrote(house, 1, *NUMBERS)

    async with worker(database_url):
        assert set(await send(house, *NUMBERS, device_id=3)) == {3}
        assert set(await send(house, *NUMBERS)) == {3}
        await db.transact(lambda tx: manage.pause(tx, 3))
        await until(lambda: is_paused_in_fact(house))


async def is_paused_in_fact(house: House) -> bool:
    """Whether a worker has seen that device 3 is paused: what is asked of it goes by others."""
    return 3 not in await send(house, ONE, device_id=3)


async def test_the_last_device_counts_for_its_account_alone(db: Database) -> None:
    house = await House(db).open()
    other = await House(db, account_id=2).open()
    await wrote(house, 1, ONE, TWO)
    await wrote(house, 2, ONE)
    await wrote(other, 3, ONE)

    assert await learnt(house, ONE, TWO, NUMBERS[2]) == [2, 1, None]
    assert await learnt(other, ONE, TWO) == [3, None]


async def test_what_waits_behind_is_passed_over(db: Database) -> None:
    house = await House(db).open()
    await wrote(house, 1, ONE)
    await house.accept(*[ONE] * 50)

    assert await learnt(house, ONE) == [1]


async def test_after_five_weeks_a_recipient_knows_nobody(
    db: Database, connection: asyncpg.Connection
) -> None:
    now = datetime.now(UTC)
    clock = FrozenClock(now - timedelta(days=36))
    await db.transact(lambda tx: partitions.ensure(tx, clock.now()))
    house = await House(db, clock=clock).open()
    await wrote(house, 1, ONE)
    clock.advance(timedelta(days=2))
    await wrote(house, 2, TWO)
    clock.advance(now - clock.now())

    assert await learnt(house, ONE, TWO) == [None, 2]


async def learnt(house: House, *numbers: str) -> list[int | None]:
    """The devices that a worker finds for new messages to these numbers."""
    sticky = Sticky()
    texts = await next_texts(house, *numbers)
    texts = [next(text for text in texts if text.recipient == number) for number in numbers]
    await house.db.transact(lambda tx: sticky.learn(tx, texts, house.clock.now()))
    return [sticky.wish(text) for text in texts]


async def test_what_is_remembered_is_not_looked_up_again_and_the_oldest_is_forgotten(
    db: Database,
) -> None:
    house = await House(db).open()
    sticky = Sticky(most=2)
    one, two, three = await next_texts(house, *NUMBERS[:3])
    sticky.note(one, 7)
    sticky.note(two, 8)
    sticky.note(one, 9)
    sticky.note(three, 10)

    assert [sticky.wish(text) for text in (one, two, three)] == [9, None, 10]


async def test_the_look_up_goes_by_its_index(db: Database, connection: asyncpg.Connection) -> None:
    house = await House(db).open(credits=10_000)
    await wrote(house, 1, ONE)
    await house.accept(*[f"2783{number:07}" for number in range(3000)])
    await connection.execute("analyze")

    async with db.tx() as tx:
        plan = await tx.fetch(f"explain {store_sticky.LAST}", [1], [ONE], UUID(int=0))
    text = "\n".join(row[0] for row in plan)
    assert f"Seq Scan on messages_{datetime.now(UTC):%Y_%m}" not in text, text
