"""Clocks tell the time in UTC; the one for tests moves only when told."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from waypost.kit.clock import FrozenClock, SystemClock

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_the_machines_clock_tells_the_time_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_the_machines_seconds_never_go_back() -> None:
    clock = SystemClock()
    seconds = [clock.monotonic() for _ in range(100)]

    assert seconds == sorted(seconds)


def test_a_sleep_of_the_machine_counts_as_time() -> None:
    """They are the seconds since the machine was started, as the machine itself counts them."""
    clock = SystemClock()
    before, uptime = clock.boottime(), float(Path("/proc/uptime").read_text().split()[0])

    assert before - 0.01 <= uptime <= clock.boottime()


def test_a_frozen_clock_stands_still() -> None:
    clock = FrozenClock(NOW)

    assert [clock.now(), clock.now()] == [NOW, NOW]
    assert clock.monotonic() == clock.monotonic()
    assert clock.boottime() == clock.boottime()


def test_a_frozen_clock_moves_all_its_hands_when_told() -> None:
    clock = FrozenClock(NOW)
    began = clock.monotonic()
    clock.advance(timedelta(minutes=1, milliseconds=500))
    clock.advance(timedelta(seconds=1))

    assert clock.now() == NOW + timedelta(seconds=61.5)
    assert clock.monotonic() - began == 61.5
    assert clock.boottime() == clock.monotonic()
