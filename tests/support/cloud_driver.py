"""Drivers of official numbers, for tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import ClientTimeout

from tests.support.provider import BUSINESS, NUMBER, TO, TOKEN
from waypost.drivers.cloud.breaker import Number, Shared, named
from waypost.drivers.cloud.client import TIMES, Graph
from waypost.drivers.cloud.driver import CloudDriver
from waypost.drivers.outgoing import Media, Outgoing, Ref
from waypost.drivers.port import KeptFile
from waypost.kit.clock import Clock, FrozenClock

ID = UUID("01990000-0000-7000-8000-000000000001")
HELLO = Outgoing(Ref(7, ID, 3), TO, "Hello", "3EB0ABC", 1)


def frozen() -> FrozenClock:
    return FrozenClock(datetime(2026, 11, 22, 12, tzinfo=UTC))


@dataclass
class Shelved:
    """The files that we keep; what it noted itself is young. `trouble` is what the database does
    instead of answering, `forgetting` instead of forgetting."""

    files: dict[UUID, bytes] = field(default_factory=dict)
    given: dict[UUID, str] = field(default_factory=dict)
    young: set[str] = field(default_factory=set)
    trouble: Exception | None = None
    forgetting: Exception | None = None

    async def provider_id(self, ref: Ref, media: Media) -> str | None:
        if self.trouble is not None:
            raise self.trouble
        assert media.media_id is not None
        return self.given.get(media.media_id)

    async def open(self, ref: Ref, media: Media) -> KeptFile | None:
        assert media.media_id is not None
        content = self.files.get(media.media_id)
        if content is None:
            return None
        return KeptFile("image/png", "menu.png", len(content), _pieces(content))

    async def note(self, ref: Ref, media: Media, provider_id: str) -> None:
        assert media.media_id is not None
        self.given[media.media_id] = provider_id
        self.young.add(provider_id)

    async def forget(self, ref: Ref, media: Media, provider_id: str) -> bool:
        if self.forgetting is not None:
            raise self.forgetting
        assert media.media_id is not None
        if self.given.get(media.media_id) == provider_id and provider_id not in self.young:
            del self.given[media.media_id]
        return provider_id not in self.young


@asynccontextmanager
async def numbered(
    url: str,
    clock: Clock,
    shelf: Shelved | None = None,
    shared: Shared | None = None,
    times: ClientTimeout = TIMES,
    device_id: int = 5,
    business_account_id: str = BUSINESS,
) -> AsyncIterator[CloudDriver]:
    """The driver of a number whose provider is there; in the block it is not connected yet."""
    number = Number(device_id, NUMBER, business_account_id, named(TOKEN))
    graph = Graph(url, "v26.0", TOKEN, times)
    made = CloudDriver(
        number, graph, shelf or Shelved(), shared or Shared(clock), clock, lambda: 0.0
    )
    try:
        yield made
    finally:
        await made.close()


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]
