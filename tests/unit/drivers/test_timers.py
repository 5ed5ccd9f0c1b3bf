"""Things to be told later."""

import asyncio
from datetime import UTC, datetime, timedelta

from waypost.drivers.timers import Timers
from waypost.kit.clock import FrozenClock, SystemClock


def test_what_is_due_comes_in_the_order_of_its_times_and_nothing_else() -> None:
    clock = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    timers: Timers[str] = Timers(clock)
    for name, seconds in (("late", 9.0), ("second", 2.0), ("first", 1.0), ("past", -5.0)):
        timers.put(name, seconds)

    assert list(timers.due()) == ["past"]
    clock.advance(timedelta(seconds=2))
    assert list(timers.due()) == ["first", "second"]
    assert list(timers.due()) == []


async def test_a_wait_ends_when_something_earlier_comes() -> None:
    timers: Timers[str] = Timers(SystemClock())
    timers.put("in an hour", 3600)
    waiting = asyncio.create_task(timers.wait())
    await asyncio.sleep(0)

    timers.put("now", 0)

    await asyncio.wait_for(waiting, 5)
    assert list(timers.due()) == ["now"]


async def test_a_wait_ends_when_woken() -> None:
    timers: Timers[str] = Timers(SystemClock())
    waiting = asyncio.create_task(timers.wait())
    await asyncio.sleep(0)

    timers.wake()

    await asyncio.wait_for(waiting, 5)
