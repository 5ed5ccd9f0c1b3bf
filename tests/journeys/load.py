"""Several customers who send at once, and remember what they were told."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import aiohttp

from tests.support.server import Server

SEND = "/api/messages/send-message"
BULK = "/api/messages/send-bulk-message"

FREE = {f"RATE_LIMIT_{kind}": "off" for kind in ("AUTH", "SEND", "BULK", "STATUS", "DEFAULT")}
CONNECTIONS = 32

# Where the last four digits of a number lead, see docs/sandbox.md; all others lead to Read.
ENDS = {
    "0001": "Failed",
    "0002": "Sent",
    "0003": "Delivered",
    "0004": "Failed",
    "0005": "Read",
    "0006": "Read",
    "0007": "Read",
}


def end_of(number: str) -> str:
    """The last status of a message to this number."""
    return ENDS.get(number[-4:], "Read")


@dataclass(frozen=True)
class Customer:
    """Somebody with an account."""

    account_id: int
    token: str = field(repr=False)

    @classmethod
    def new(cls, server: Server, username: str) -> "Customer":
        return cls(server.register(username), server.login(username))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Request:
    """What a customer asks for. Its text is its own: by it is counted what came of it."""

    customer: Customer
    text: str
    numbers: tuple[str, ...]

    @property
    def path(self) -> str:
        return SEND if len(self.numbers) == 1 else BULK

    @property
    def body(self) -> dict[str, Any]:
        if len(self.numbers) == 1:
            return {"number": self.numbers[0], "message": self.text}
        return {"numbers": self.numbers, "message": self.text}


@dataclass(frozen=True)
class Promised:
    """A message that was answered with a queue id."""

    customer: Customer
    queue_id: str
    number: str


@dataclass
class Load:
    """What was asked, by what came of it. `bulks` is their share of the requests."""

    url: str
    random: Random
    name: str
    bulks: float = 0.1
    bulk_size: int = 10
    answered: dict[Request, list[str]] = field(default_factory=dict)
    refused: dict[Request, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    unanswered: list[Request] = field(default_factory=list)
    unreached: list[Request] = field(default_factory=list)
    silent: list[Request] = field(default_factory=list)
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _count: "count[int]" = field(default_factory=lambda: count(1))

    async def run(self, customers: Sequence[Customer], requests: int) -> None:
        """Each sends so many requests one after another; a closed door or silence ends it."""
        async with session(self.url) as http:
            await asyncio.gather(*(self._send(http, who, requests) for who in customers))

    @asynccontextmanager
    async def under_way(
        self, customers: Sequence[Customer], requests: int, first: int
    ) -> AsyncIterator[None]:
        """The block runs after so many answers, in the midst of the others."""
        running = asyncio.create_task(self.run(customers, requests))
        begun = asyncio.create_task(self._answers(first))
        await asyncio.wait((running, begun), return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        assert not running.done(), f"too few answers: {self}"
        yield
        await running
        assert not self.silent, "some requests were never answered"

    async def _answers(self, enough: int) -> None:
        while len(self.answered) < enough:
            self._came.clear()
            await self._came.wait()

    def promised(self) -> Iterator[Promised]:
        """Every message that was answered with a queue id."""
        for request, queue_ids in self.answered.items():
            for queue_id, number in zip(queue_ids, request.numbers, strict=True):
                yield Promised(request.customer, queue_id, number)

    def __str__(self) -> str:
        return (
            f"{self.name}: {len(self.answered)} answered, {len(self.refused)} refused, "
            f"{len(self.unanswered)} unanswered, {len(self.unreached)} unreached"
        )

    async def _send(self, http: aiohttp.ClientSession, who: Customer, requests: int) -> None:
        for _ in range(requests):
            request = self._new(who)
            try:
                await self._ask(http, request)
            except aiohttp.ClientConnectorError:
                self.unreached.append(request)
                return
            except TimeoutError:
                self.silent.append(request)
                return
            except aiohttp.ClientError:
                self.unanswered.append(request)

    async def _ask(self, http: aiohttp.ClientSession, request: Request) -> None:
        headers = request.customer.headers
        async with http.post(request.path, json=request.body, headers=headers) as response:
            answer = await response.json()
        if response.status == 200:
            self.answered[request] = answer.get("queue_ids") or [answer["queue_id"]]
            self._came.set()
        else:
            self.refused[request] = response.status, answer

    def _new(self, who: Customer) -> Request:
        size = self.bulk_size if self.random.random() < self.bulks else 1
        numbers = dict.fromkeys(self._number() for _ in range(size))
        return Request(who, f"{self.name}, message {next(self._count)}", tuple(numbers))

    def _number(self) -> str:
        ending = self.random.choice(list(ENDS)) if self.random.random() < 0.1 else "4567"
        return f"2782{self.random.randrange(1000):03}{ending}"


def session(url: str) -> aiohttp.ClientSession:
    """A client for many requests at once."""
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    timeout = aiohttp.ClientTimeout(total=30)
    return aiohttp.ClientSession(url, connector=connector, timeout=timeout)
