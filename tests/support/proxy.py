"""A relay between a client and PostgreSQL that can lose the answer to a COMMIT."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import parse_qs, quote, urlsplit


class Loss(Enum):
    """What becomes of the next COMMIT."""

    NONE = "none"
    BEFORE = "the connection breaks before the server hears of it"
    AFTER = "the connection breaks after the server has done it"


class Relay:
    """Passes bytes on; breaks one connection at its next COMMIT when told to.

    With `after`, only a connection on which this was said since.
    """

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.loss = Loss.NONE
        self.after = b""
        self.url = ""
        self._clients: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Relay"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = self._target.username or "postgres"
        password = f":{quote(self._target.password)}" if self._target.password else ""
        self.url = (
            f"postgresql://{user}{password}@127.0.0.1:{port}{self._target.path}?sslmode=disable"
        )
        try:
            yield self
        finally:
            server.close()
            for client in self._clients:
                client.transport.abort()

    async def _serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._clients.add(back)
        answers, server = await self._connect()
        pumping = asyncio.create_task(_pump(answers, back))
        is_next = False
        try:
            while data := await client.read(65536):
                is_next = is_next or self.after in data
                if self.loss is Loss.NONE or not is_next or b"COMMIT" not in data:
                    server.write(data)
                    continue
                if self.loss is Loss.AFTER:
                    pumping.cancel()
                    await asyncio.gather(pumping, return_exceptions=True)
                    server.write(data)
                    await answers.read(1)  # the server has answered: it is done
                self.loss = Loss.NONE
                break
        finally:
            pumping.cancel()
            server.close()
            back.transport.abort()
            self._clients.discard(back)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self._target.query).get("host")
        if folder:
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.5432")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
    sink.close()
