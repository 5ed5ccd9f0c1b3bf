"""The provider as one number's driver sees it: says what it is told to say, byte for byte."""

import asyncio
import json
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.sockets import answer, listening, request

NUMBER, BUSINESS, TOKEN = "106540352242922", "100200300400500", "EAAtoken"
TO = "27821234567"

FACTS = {"display_phone_number": "+1 555-078-3881", "quality_rating": "GREEN", "id": NUMBER}

Way = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""How an answer breaks; the connection is closed after it."""


async def close(writer: asyncio.StreamWriter) -> None:
    """Nothing is said."""


async def reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


def saying(words: bytes) -> Way:
    """Just these bytes."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(words)

    return say


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def route(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass
class Provider:
    """Gives each route its answers in order; when none is left, the usual one."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    answers: dict[str, list[bytes | Way]] = field(default_factory=lambda: defaultdict(list))

    def say(self, route: str, *answers: bytes | Way) -> None:
        """Answer requests of this route so, one after another."""
        self.answers[route] += answers

    def posts(self) -> list[Any]:
        """What messages came."""
        return [asked.json for asked in self.asked if asked.route == "messages"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while whole := await request(reader):
            asked = _parsed(whole)
            self.asked.append(asked)
            queued = self.answers[asked.route]
            said = queued.pop(0) if queued else self._usual(asked)
            if not isinstance(said, bytes):
                await said(writer)
                break
            writer.write(said)
        writer.close()

    def _usual(self, asked: Asked) -> bytes:
        if asked.route == "messages":
            return taken(f"wamid.{len(self.asked)}")
        if asked.route == "message_templates":
            return answer(200, {"data": []})
        return answer(200, FACTS)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    async with listening(made.serve) as url:
        made.url = url.rstrip("/")
        yield made


def taken(id: str) -> bytes:
    """A message was taken under this id."""
    contacts = [{"input": f"+{TO}", "wa_id": TO}]
    return answer(
        200, {"messaging_product": "whatsapp", "contacts": contacts, "messages": [{"id": id}]}
    )


def refusal(code: int, status: int = 400, details: str | None = None, **headers: str) -> bytes:
    """An error with this code."""
    data = {} if details is None else {"error_data": {"details": details}}
    error = {"message": f"(#{code}) So", "code": code, "fbtrace_id": "Atrace", **data}
    return answer(status, {"error": error}, **headers)


def _parsed(whole: bytes) -> Asked:
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split()
    address = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    headers = {name.lower(): value for name, _, value in (n.partition(": ") for n in lines)}
    return Asked(method, address.path, query, headers, body)
