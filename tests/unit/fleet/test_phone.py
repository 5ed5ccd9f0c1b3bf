"""A phone stays connected, keeps to its window and its pacing, and sits out what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.support.messages import until
from tests.support.scripted import Scripted

from waypost.devices.model import Device, Kind, State
from waypost.drivers.news import Stop
from waypost.drivers.outgoing import Outgoing, Ref
from waypost.drivers.port import Accepted, DeviceDown, Retry
from waypost.drivers.registry import Made
from waypost.fleet.pace import UNBOUNDED
from waypost.fleet.phone import Past, Phone
from waypost.kit.clock import SystemClock
from waypost.queue import backoff

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TOO_FAST = Retry("130429", "Too fast.", timedelta(seconds=1), counts=False, slows=True)
DEAD = DeviceDown("The line is dead.")
HELLO = Outgoing(Ref(1, UUID(int=1)), "27821234567", "Hello", "3EB0", 1)


def device(pacing: Mapping[str, object] | None = None) -> Device:
    return Device(
        id=1,
        pool_id=1,
        name="phone",
        kind=Kind.SANDBOX,
        state=State.CONNECTED,
        state_reason=None,
        state_at=NOON,
        is_paused=False,
        config={},
        own_pacing=pacing or {},
        rests_until=None,
        created_at=NOON,
    )


@asynccontextmanager
async def kept(
    driver: Scripted,
    pacing: Mapping[str, object] | None = None,
    sent_today: int = 0,
    row: Device | None = None,
) -> AsyncIterator[Phone]:
    """A phone that is kept connected for the length of the block."""

    async def recall(_: int) -> Past:
        return Past([], sent_today)

    made = Made(driver, window=3)
    phone = Phone(row or device(pacing), made, recall, SystemClock(), lambda: 0.5, lambda: None)
    keeping = asyncio.create_task(phone.keep())
    yield phone
    keeping.cancel()


async def comes_up(phone: Phone) -> None:
    async def is_up() -> bool:
        return phone.is_up

    await until(is_up)


async def goes_wrong(phone: Phone) -> str:
    async def has_trouble() -> bool:
        return phone.trouble is not None

    await until(has_trouble)
    assert phone.trouble is not None
    return phone.trouble


async def test_it_is_in_service_while_it_connects_and_takes_messages_once_it_is_up() -> None:
    async with kept(Scripted()) as phone:
        assert (phone.is_in_service, phone.room()) == (True, 0)
        await comes_up(phone)
        assert (phone.is_in_service, phone.room()) == (True, 3)


async def test_its_window_and_its_pacing_bound_it() -> None:
    async with kept(Scripted(), {"daily_cap": 10}, sent_today=8) as phone:
        await comes_up(phone)
        assert phone.room() == 2
        phone.use()
        assert (phone.room(), phone.in_flight) == (1, 1)
        phone.use()
        assert phone.room() == 0


async def test_a_new_pacing_is_kept_from_then_on_and_the_count_of_the_day_stays() -> None:
    async with kept(Scripted(), {"daily_cap": 10}, sent_today=9) as phone:
        await comes_up(phone)
        phone.follow(device({"daily_cap": 11}))
        assert phone.room() == 2
        phone.follow(device())
        assert phone.pace.room() == UNBOUNDED


async def test_a_paused_phone_is_not_in_service() -> None:
    async with kept(Scripted()) as phone:
        await comes_up(phone)
        phone.follow(replace(device(), is_paused=True))
        assert not phone.is_in_service


async def test_a_phone_that_dropped_sends_nothing_and_is_out_of_service_until_it_is_back() -> None:
    driver = Scripted(DEAD, Accepted("1"))
    async with kept(driver) as phone:
        await comes_up(phone)
        assert await phone.send(HELLO) == DEAD
        assert (phone.is_in_service, phone.room()) == (False, 0)
        assert isinstance(await phone.send(HELLO), DeviceDown)
        assert len(driver.sent) == 1
        await comes_up(phone)
        assert await phone.send(HELLO) == Accepted("1")


async def test_what_came_late_from_an_earlier_connection_takes_nobody_down() -> None:
    release = asyncio.Event()

    class Slow(Scripted):
        async def send(self, outgoing: Outgoing) -> Accepted | DeviceDown:
            if not self.sent:
                self.sent.append(outgoing)
                await release.wait()
            return DEAD

    async with kept(Slow()) as phone:
        await comes_up(phone)
        late = asyncio.create_task(phone.send(HELLO))
        await asyncio.sleep(0)
        await phone.send(HELLO)
        await comes_up(phone)
        release.set()
        assert await late == DEAD
        assert phone.is_up


async def test_a_quarantine_ends_at_once_when_somebody_connects_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff, "FIRST", timedelta(hours=1))
    monkeypatch.setattr(backoff, "LONGEST", timedelta(hours=1))
    driver = Scripted(connections=[DEAD])
    async with kept(driver) as phone:
        assert await goes_wrong(phone) == (
            "The line is dead. Next try after 2700.0 s; setbacks in a row: 1."
        )
        phone.follow(device())
        phone.follow(replace(device(), state=State.DISCONNECTED, state_reason=phone.trouble))
        assert driver.connected == 1
        phone.follow(device())
        await comes_up(phone)
        assert driver.connected == 2


@pytest.mark.parametrize("at_connect", [True, False])
async def test_a_quarantine_lasts_at_least_as_long_as_the_transport_says(at_connect: bool) -> None:
    down = DeviceDown("The account is blocked.", timedelta(hours=1))
    driver = Scripted(connections=[down]) if at_connect else Scripted(down)
    async with kept(driver) as phone:
        if not at_connect:
            await comes_up(phone)
            await phone.send(HELLO)
        assert await goes_wrong(phone) == (
            "The account is blocked. Next try after 3600.0 s; setbacks in a row: 1."
        )


async def test_a_wish_shorter_than_the_quarantine_does_not_shorten_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backoff, "FIRST", timedelta(minutes=2))
    async with kept(Scripted(connections=[DeviceDown("Gone.", timedelta(seconds=5))])) as phone:
        assert "after 90.0 s" in await goes_wrong(phone)


async def test_a_phone_whose_transport_finds_it_too_fast_stays_up_and_slows_down() -> None:
    async with kept(Scripted(TOO_FAST, Accepted("1")), {"per_second": 40}) as phone:
        await comes_up(phone)
        assert await phone.send(HELLO) == TOO_FAST
        assert (phone.is_up, phone.trouble, phone.pace.rate) == (True, None, 20.0)
        assert await phone.send(HELLO) == Accepted("1")
        assert phone.pace.rate == 20.0


async def test_a_fault_of_one_message_slows_nobody() -> None:
    async with kept(Scripted(replace(TOO_FAST, slows=False)), {"per_second": 40}) as phone:
        await comes_up(phone)
        await phone.send(HELLO)
        assert phone.pace.rate == 40.0


async def test_what_was_noted_of_its_rest_stands_until_its_count_of_the_day_is_read() -> None:
    tomorrow = SystemClock().now() + timedelta(days=1)
    read = asyncio.Event()

    async def recall(_: int) -> Past:
        await read.wait()
        return Past([], sent_today=0)

    resting = replace(device({"daily_cap": 5}), rests_until=tomorrow)
    made = Made(Scripted(), window=3)
    phone = Phone(resting, made, recall, SystemClock(), lambda: 0.5, lambda: None)
    keeping = asyncio.create_task(phone.keep())
    assert phone.rest == tomorrow

    read.set()
    await comes_up(phone)

    assert phone.rest is None
    keeping.cancel()


class Heeding(Scripted):
    """A driver whose provider tells by callbacks too what has stopped; each once."""

    def __init__(self) -> None:
        super().__init__()
        self.heeded: list[Stop] = []

    def heed(self, stops: Sequence[Stop]) -> DeviceDown | None:
        new = [stop for stop in stops if stop not in self.heeded]
        self.heeded += new
        return DeviceDown(new[0].reason, timedelta(hours=1)) if new else None


LATER = NOON + timedelta(minutes=1)
UNPAID = Stop(1, LATER, LATER, "account", "131042", "See its payment method.")
DOWN = "See its payment method. Next try after 3600.0 s"


async def test_what_callbacks_stop_takes_it_out_at_once() -> None:
    async with kept(Heeding()) as phone:
        await comes_up(phone)

        phone.follow(replace(phone.device, stops=(UNPAID,)))

        assert not phone.is_up
        assert phone.room() == 0
        assert (await goes_wrong(phone)).startswith(DOWN)


async def test_what_callbacks_stopped_before_it_is_not_tried_by_who_takes_over() -> None:
    taken_over = replace(
        device(), state=State.DISCONNECTED, state_reason="It is being connected.", state_at=LATER
    )
    driver = Heeding()
    async with kept(driver, row=replace(taken_over, stops=(UNPAID,))) as phone:
        assert (await goes_wrong(phone)).startswith(DOWN)
        assert (driver.connected, phone.is_up) == (1, False)


async def test_who_connects_it_is_stopped_by_later_news_only() -> None:
    connected_at = LATER + timedelta(minutes=1)
    late = replace(UNPAID, at=connected_at)
    new = replace(UNPAID, at=connected_at + timedelta(seconds=1))
    async with kept(Heeding()) as phone:
        await comes_up(phone)
        phone.follow(replace(phone.device, stops=(UNPAID,)))
        phone.follow(replace(device(), state=State.DISCONNECTED, state_reason=phone.trouble))
        await asyncio.sleep(0)

        phone.follow(replace(device(), state_at=connected_at))
        await comes_up(phone)
        phone.follow(replace(phone.device, stops=(late,)))
        assert phone.is_up

        phone.follow(replace(phone.device, stops=(new,)))
        assert not phone.is_up


async def test_what_was_told_before_somebody_connected_it_does_not_stop_a_new_driver() -> None:
    async with kept(Heeding(), row=replace(device(), state_at=LATER, stops=(UNPAID,))) as phone:
        await comes_up(phone)
