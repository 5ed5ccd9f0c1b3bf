"""Sliding windows: how many requests of a key came within the last seconds, to the request."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from waypost.kit.config import Rate

SWEEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one request: whether it is within the rate, how many are, and for how many
    seconds the oldest of them still counts."""

    allowed: bool
    count: int
    reset: float


class Windows(Protocol):
    """Where requests are counted."""

    async def take(self, key: str, rate: Rate) -> Taken:
        """Count one request, unless the window is full."""

    async def close(self) -> None:
        """Count no more."""


@dataclass(slots=True)
class _Window:
    seconds: int
    times: deque[float] = field(default_factory=deque)

    def forget_before(self, now: float) -> None:
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()


class OwnWindows:
    """In this process's memory; a request costs the same however many keys there are."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._windows: dict[str, _Window] = {}
        self._swept_at = now()

    async def take(self, key: str, rate: Rate) -> Taken:
        now = self._now()
        self._sweep(now)
        window = self._windows.get(key)
        if window is None or window.seconds != rate.seconds:
            window = self._windows[key] = _Window(rate.seconds)
        window.forget_before(now)
        allowed = len(window.times) < rate.limit
        if allowed:
            window.times.append(now)
        oldest = window.times[0] if window.times else now
        return Taken(allowed, len(window.times), oldest + rate.seconds - now)

    async def close(self) -> None:
        self._windows.clear()

    def _sweep(self, now: float) -> None:
        """Forget keys that are quiet, once a minute."""
        if now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        for key, window in list(self._windows.items()):
            window.forget_before(now)
            if not window.times:
                del self._windows[key]
