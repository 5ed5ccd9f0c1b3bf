"""One LISTEN connection that reconnects by itself."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import asyncpg

from waypost.kit.db import AWAY
from waypost.kit.log import get

RECONNECT_SECONDS = 0.5
PROBE_SECONDS = 5.0

Heard = Callable[[str], None]

log = get(__name__)


class Listener:
    """Hands each notification's text to its channel's hearer while `is_connected`."""

    def __init__(self, url: str, hearers: Mapping[str, Heard]) -> None:
        self._url = url
        self._hearers = hearers
        self.is_connected = False

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except (*AWAY, asyncpg.PostgresError) as error:
                log.warning("listen.lost", error=str(error))
            finally:
                self.is_connected = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(self._url, command_timeout=PROBE_SECONDS)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: self._lose(lost))
        try:
            for channel in self._hearers:
                await connection.add_listener(channel, self._hear)
            self.is_connected = True
            # A peer that vanished without a word is found by asking.
            while not lost.is_set():
                await connection.execute("select 1")
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), PROBE_SECONDS)
        finally:
            connection.terminate()

    def _lose(self, lost: asyncio.Event) -> None:
        self.is_connected = False
        lost.set()

    def _hear(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._hearers[channel](str(payload))
