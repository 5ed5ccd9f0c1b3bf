"""Sliding windows in this process's memory, for the `limits` library.

Its own MemoryStorage walks every key after every hit, which costs more than the request it counts;
this one looks at the key that is hit, and walks the others once a minute.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from limits.aio.storage import MemoryStorage

SWEEP_SECONDS = 60.0


@dataclass(slots=True)
class _Window:
    """When each request of the last `seconds` came, oldest first."""

    seconds: int
    times: deque[float] = field(default_factory=deque)

    def forget_before(self, now: float) -> None:
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()


class WindowStorage(MemoryStorage):
    """Moving windows at a constant cost a hit, however many keys there are."""

    STORAGE_SCHEME = ["async+windows"]  # noqa: RUF012  # as the library declares it

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._now = now
        self._windows: dict[str, _Window] = {}
        self._swept_at = now()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        now = self._now()
        self._sweep(now)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = _Window(expiry)
        window.forget_before(now)
        if len(window.times) + amount > limit:
            return False
        window.times.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        window = self._windows.get(key)
        if window is None or not window.times:
            return self._now(), 0
        return window.times[0], len(window.times)

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < SWEEP_SECONDS:
            return
        self._swept_at = now
        for key, window in list(self._windows.items()):
            window.forget_before(now)
            if not window.times:
                del self._windows[key]
