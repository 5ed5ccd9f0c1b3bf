"""A recording sink: takes posted messages as fast as Python can, and notes each one's id.

`python -m bench.sink KIND PORT` serves; GET tells what came, DELETE forgets it.
"""

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import httptools
import msgspec
import uvloop

from bench.processes import free_port, listens, running, wait_until

START_SECONDS = 15
TOLD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
SENT = msgspec.json.encode(
    {
        "messaging_product": "whatsapp",
        "contacts": [{"input": "+27821234567", "wa_id": "27821234567"}],
        "messages": [{"id": "wamid.HBgLMjc4MjEyMzQ1NjcVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"}],
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What came: how many posts, of how many messages, from the first to the last."""

    posts: int
    messages: int
    seconds: float

    @property
    def per_second(self) -> float:
        return (self.posts - 1) / self.seconds if self.seconds else 0.0


class Message(msgspec.Struct):
    """What is looked at of a post to a sandbox device's wire."""

    id: str


class CloudMessage(msgspec.Struct):
    """What is looked at of an official number's send."""

    id: str = msgspec.field(name="biz_opaque_callback_data")


@dataclass(slots=True)
class Record:
    """All that was noted."""

    posts: int = 0
    ids: set[str] = field(default_factory=set)
    first: float = 0.0
    last: float = 0.0

    def note(self, id: str) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.posts += 1
        self.ids.add(id)

    def seen(self) -> Seen:
        return Seen(self.posts, len(self.ids), self.last - self.first)


class Sink(asyncio.Protocol):
    """One connection of a sandbox device's wire."""

    record = Record()
    message: type[Message] | type[CloudMessage] = Message
    taken = TOLD % (2, b"{}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._read = msgspec.json.Decoder(self.message).decode

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        method, body, self._body = self._parser.get_method(), self._body, b""
        if method == b"POST":
            self.record.note(self._read(body).id)
            self._transport.write(self.taken)
            return
        if method == b"DELETE":
            Sink.record = Record()
        told = json.dumps(asdict(self.record.seen())).encode()
        self._transport.write(TOLD % (len(told), told))


class CloudSink(Sink):
    """One connection of an official number, which is answered as its provider does."""

    message = CloudMessage
    taken = TOLD % (len(SENT), SENT)


KINDS: dict[str, type[Sink]] = {"wire": Sink, "cloud": CloudSink}


@dataclass(frozen=True, slots=True)
class Opened:
    """A running sink."""

    url: str

    def seen(self) -> Seen:
        with urllib.request.urlopen(self.url, timeout=10) as answer:
            return Seen(**json.load(answer))

    def forget(self) -> None:
        request = urllib.request.Request(self.url, method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def sink(folder: Path, kind: str = "wire") -> Iterator[Opened]:
    """A sink in a process of its own."""
    log, port = folder / f"{kind}-sink.log", free_port()
    command = (sys.executable, "-m", "bench.sink", kind, str(port))
    with running(command, log, cwd=Path(__file__).parents[1]) as process:
        wait_until(lambda: listens(port), "The sink", START_SECONDS, process, log)
        yield Opened(f"http://127.0.0.1:{port}/")


async def main(kind: str, port: int) -> None:
    """Serve until stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(KINDS[kind], "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
