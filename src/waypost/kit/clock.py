"""Time as an object that is passed in."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back, for deadlines."""

    def boottime(self) -> float:
        """The same, but a sleep of the machine counts too: for what others may do meanwhile."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)


class FrozenClock:
    """A clock that moves only when told, for tests."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._start = at

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return (self._at - self._start).total_seconds()

    def boottime(self) -> float:
        return self.monotonic()

    def advance(self, by: timedelta) -> None:
        """Let `by` pass."""
        self._at += by
