"""Things to be told later: one heap, however many wait."""

import asyncio
import heapq
from collections.abc import Iterator
from itertools import count
from typing import Generic, TypeVar

from waypost.kit.clock import Clock

T = TypeVar("T")

TICK_SECONDS = 0.02  # what falls due within it comes out together


class Timers(Generic[T]):
    """Keeps things until they are due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, T]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def put(self, thing: T, seconds: float) -> None:
        """Keep it for so long; less than nothing is due at once."""
        entry = (self._clock.monotonic() + seconds, next(self._order), thing)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self._changed.set()

    def due(self) -> Iterator[T]:
        """What is due now, in the order of its times."""
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            yield heapq.heappop(self._heap)[2]

    async def wait(self) -> None:
        """Wait until something may be due, or `wake`."""
        self._changed.clear()
        seconds = None
        if self._heap:
            seconds = max(TICK_SECONDS, self._heap[0][0] - self._clock.monotonic())
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def wake(self) -> None:
        """End a wait."""
        self._changed.set()
