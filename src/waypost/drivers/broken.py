"""A device whose driver cannot be made: it is down, and says why."""

import asyncio
from collections.abc import AsyncIterator

from waypost.drivers.news import DriverEvent
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import DeviceDown, Outcome, Unconfirmed


class Broken:
    """Down until its row is changed."""

    deduplicates = False

    def __init__(self, down: DeviceDown) -> None:
        self._down = down
        self._closed = asyncio.Event()

    async def connect(self, unconfirmed: list[Unconfirmed]) -> DeviceDown | None:
        return self._down

    async def send(self, outgoing: Outgoing) -> Outcome:
        return self._down

    async def events(self) -> AsyncIterator[DriverEvent]:
        await self._closed.wait()
        nothing: tuple[DriverEvent, ...] = ()
        for event in nothing:
            yield event

    async def close(self) -> None:
        self._closed.set()
