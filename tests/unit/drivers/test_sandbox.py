"""The simulated device keeps to the table of numbers, with ids and receipts like a real one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from math import inf
from uuid import UUID, uuid4

from waypost.drivers.news import Delivered, DriverEvent, Failed, Read
from waypost.drivers.outgoing import Outgoing, Ref
from waypost.drivers.port import Accepted, DeviceDown, NotSent, Refused, Retry, Unconfirmed, Unknown
from waypost.drivers.sandbox import Manner, SandboxDriver
from waypost.drivers.simulation import Delays, Network, Simulation
from waypost.kit.clock import SystemClock

CLOCK = SystemClock()
MANNER = Manner(rate=10_000, delivered_seconds=0.03, read_seconds=0.06)
DELAYS = Delays(slow=0.2, away=0.2)
PLAIN = "27821234567"


def driver(network: Network | None = None, **manner: float) -> SandboxDriver:
    network = network or Network()
    carrier = Simulation(network, DELAYS, CLOCK)
    return SandboxDriver(carrier, network, replace(MANNER, **manner), CLOCK, lambda: 0.5)


def outgoing(to: str, attempt: int = 1, id: UUID | None = None) -> Outgoing:
    id = id or uuid4()
    return Outgoing(Ref(7, id), to, "Hello", f"3EB0{id.hex[:18]}", attempt)


@asynccontextmanager
async def hearing(device: SandboxDriver) -> AsyncIterator[list[DriverEvent]]:
    """What the device tells, as it comes."""
    heard: list[DriverEvent] = []

    async def listen() -> None:
        async for event in device.events():
            heard.append(event)  # noqa: PERF401  # others look at it while it grows

    listening = asyncio.create_task(listen())
    try:
        yield heard
    finally:
        await device.close()
        await asyncio.wait_for(listening, 5)


async def until_heard(heard: list[DriverEvent], count: int) -> None:
    deadline = time.monotonic() + 5
    while len(heard) < count:
        assert time.monotonic() < deadline, f"heard only {heard}"
        await asyncio.sleep(0.005)


async def heard_of(*sent: Outgoing, expect: int) -> list[DriverEvent]:
    """What is told of these messages, and of an ordinary one after them, whose events are cut off.

    The ordinary one is the last to be read, so that what has not come before it does not come.
    """
    device = driver()
    await device.connect([])
    last = outgoing(PLAIN)
    async with hearing(device) as heard:
        for each in (*sent, last):
            assert isinstance(await device.send(each), Accepted)
        await until_heard(heard, expect + 2)
    assert any(isinstance(event, Read) and event.ref == last.ref for event in heard)
    return [event for event in heard if event.ref != last.ref]


async def test_an_ordinary_message_is_accepted_then_delivered_then_read() -> None:
    message = outgoing(PLAIN)

    events = await heard_of(message, expect=2)

    assert [type(event) for event in events] == [Delivered, Read]
    assert {event.ref for event in events} == {message.ref}
    assert events[0].at < events[1].at


async def test_some_are_never_delivered_and_some_never_read() -> None:
    assert await heard_of(outgoing("27821230002"), expect=0) == []
    assert [type(e) for e in await heard_of(outgoing("27821230003"), expect=1)] == [Delivered]


async def test_some_fail_after_they_were_sent() -> None:
    (event,) = await heard_of(outgoing("27821230004"), expect=1)

    assert isinstance(event, Failed)
    assert event.code == "UNDELIVERABLE"


async def test_a_number_that_is_not_on_whatsapp_is_refused() -> None:
    device = driver()
    await device.connect([])

    outcome = await device.send(outgoing("27821230001"))

    assert isinstance(outcome, Refused)
    assert outcome.code == "NOT_ON_WHATSAPP"


async def test_a_transient_fault_passes_with_the_next_attempt() -> None:
    device = driver()
    await device.connect([])
    first, second = outgoing("27821230006"), outgoing("27821230006", attempt=2)

    assert isinstance(await device.send(first), Retry)
    assert await device.send(second) == Accepted(second.provider_id)


async def test_one_number_meets_a_fault_at_every_attempt() -> None:
    device = driver()
    await device.connect([])

    for attempt in (1, 2, 50):
        assert isinstance(await device.send(outgoing("27821230008", attempt)), Retry)


async def test_a_lost_answer_is_not_the_message_s_end_which_arrives_once() -> None:
    device = driver()
    await device.connect([])
    first = outgoing("27821230009")
    async with hearing(device) as heard:
        assert isinstance(await device.send(first), Unknown)
        await until_heard(heard, 2)
        assert await device.send(replace(first, attempt=2)) == Accepted(first.provider_id)
        last = outgoing(PLAIN)
        await device.send(last)
        await until_heard(heard, 4)

    assert [(type(e), e.ref) for e in heard] == [
        (kind, message.ref) for message in (first, last) for kind in (Delivered, Read)
    ]


async def test_of_one_number_no_answer_comes_and_nothing_is_heard() -> None:
    device = driver()
    await device.connect([])
    last = outgoing(PLAIN)
    async with hearing(device) as heard:
        for attempt in (1, 2, 50):
            assert isinstance(await device.send(outgoing("27821230010", attempt)), Unknown)
        await device.send(last)
        await until_heard(heard, 2)

    assert {event.ref for event in heard} == {last.ref}


async def test_a_slow_one_takes_its_time_and_keeps_nobody_else() -> None:
    device = driver()
    await device.connect([])
    slow = asyncio.create_task(device.send(outgoing("27821230005")))
    await asyncio.sleep(0)

    assert isinstance(await device.send(outgoing(PLAIN)), Accepted)

    assert not slow.done()
    assert isinstance(await slow, Accepted)


async def test_a_dropped_device_sends_nothing_until_it_is_back_and_drops_once_a_message() -> None:
    device = driver()
    await device.connect([])
    message = outgoing("27821230007")

    assert isinstance(await device.send(message), DeviceDown)
    assert isinstance(await device.send(outgoing(PLAIN)), DeviceDown)
    assert isinstance(await device.connect([]), DeviceDown)
    deadline = time.monotonic() + 5
    while await device.connect([]) is not None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)

    assert isinstance(await device.send(message), Accepted)


async def test_a_message_that_dropped_one_device_goes_by_another() -> None:
    network = Network()
    one, other = driver(network), driver(network)
    await one.connect([])
    await other.connect([])
    message = outgoing("27821230007")

    assert isinstance(await one.send(message), DeviceDown)
    assert isinstance(await other.send(message), Accepted)


async def test_the_same_provider_id_is_accepted_again_and_delivered_once() -> None:
    message = outgoing(PLAIN)

    events = await heard_of(message, replace(message, attempt=2), expect=2)

    assert [type(event) for event in events] == [Delivered, Read]


async def test_receipts_of_messages_sent_before_a_restart_come_at_their_time_or_at_once() -> None:
    device = driver(read_seconds=30)
    old, new = Ref(7, uuid4()), Ref(7, uuid4())
    now = CLOCK.now()
    unconfirmed = [
        Unconfirmed(old, PLAIN, now - timedelta(minutes=5)),
        Unconfirmed(new, PLAIN, now),
        Unconfirmed(Ref(7, uuid4()), "27821230002", now - timedelta(minutes=5)),
    ]

    await device.connect(unconfirmed)
    async with hearing(device) as heard:
        await until_heard(heard, 3)

    assert [(type(e), e.ref) for e in heard] == [(Delivered, old), (Read, old), (Delivered, new)]


async def test_the_rate_is_kept() -> None:
    device = driver(rate=100)
    await device.connect([])
    started = time.monotonic()

    await asyncio.gather(*(device.send(outgoing(PLAIN)) for _ in range(21)))

    assert time.monotonic() - started >= 0.19


async def test_closing_waits_for_the_outcome_of_what_is_under_way() -> None:
    device = driver()
    await device.connect([])
    slow = asyncio.create_task(device.send(outgoing("27821230005")))
    await asyncio.sleep(0)

    await device.close()

    assert slow.done()
    assert isinstance(await slow, Accepted)
    assert isinstance(await device.send(outgoing(PLAIN)), DeviceDown)


async def test_what_comes_to_its_turn_after_the_deadline_does_not_go() -> None:
    network = Network()
    device = driver(network)
    assert await device.connect([]) is None
    async with hearing(device) as heard:
        late = replace(outgoing(PLAIN), deadline=CLOCK.boottime())

        assert isinstance(await device.send(late), NotSent)
        assert isinstance(await device.send(replace(late, deadline=inf)), Accepted)
        await until_heard(heard, 2)
