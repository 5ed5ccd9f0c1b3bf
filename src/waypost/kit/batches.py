"""What arrives while a batch is being written is written together next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from waypost.kit.db import CommitUnknown, DatabaseAway
from waypost.kit.log import get

T = TypeVar("T")

AGAIN_SECONDS = 0.5

log = get(__name__)


class Batches(Generic[T]):
    """Writes what it is given, in order, and keeps it while the database is away.

    Between two batches it pauses for so many seconds, as larger ones cost less. `write` may be run
    again with the same batch after a lost answer: it must bear that. An item that cannot be
    written is logged and handed to `lost`.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[T]], Awaitable[None]],
        most: int,
        pause: float,
        lost: Callable[[T], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._write = write
        self._most = most
        self._pause = pause
        self._lost = lost
        self._waiting: deque[T] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def put(self, item: T) -> None:
        """Have it written."""
        self._waiting.append(item)
        self._arrived.set()

    def close(self) -> None:
        """`run` returns when all that came is written."""
        self._closed = True
        self._arrived.set()

    async def run(self) -> None:
        """Write until closed, then what is left, and return."""
        while True:
            await self._arrived.wait()
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            if batch:
                await self._write_all(batch)
                await asyncio.sleep(self._pause)
            elif self._closed:
                return
            else:
                self._arrived.clear()

    async def _write_all(self, batch: Sequence[T]) -> None:
        try:
            await self._until_written(batch)
        except Exception:
            # One bad item must fail alone: each is tried by itself.
            log.exception("batch.failed", batch=self._name, items=len(batch))
            if len(batch) == 1:
                self._lost(batch[0])
                return
            for item in batch:
                await self._write_all([item])

    async def _until_written(self, batch: Sequence[T]) -> None:
        while True:
            try:
                await self._write(batch)
            except (DatabaseAway, CommitUnknown):
                log.warning("batch.waits", batch=self._name, items=len(batch))
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return
