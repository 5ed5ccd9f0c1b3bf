"""Sends of an official number, through its driver or by a bare client, which does nothing else.

`python -m bench.cloud_posting WHO URL WARM_UP COUNT EACH` sends WARM_UP messages, EACH at a time,
tells so by a line, waits for one, sends COUNT, tells so, and waits again.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from random import random
from uuid import UUID

import msgspec
import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from bench.posting import TEXT
from waypost.drivers.cloud.breaker import Number, Shared, named
from waypost.drivers.cloud.client import KEEP_SECONDS, TIMES, Graph
from waypost.drivers.cloud.driver import CloudDriver
from waypost.drivers.outgoing import Media, Outgoing, Ref
from waypost.drivers.port import Accepted, KeptFile
from waypost.kit.clock import SystemClock

VERSION, NUMBER, BUSINESS, TOKEN = "v26.0", "106540352242922", "100200300400500", "t" * 200

Send = Callable[[int], Awaitable[None]]


class NoFiles:
    """The shelf of somebody who sends texts only."""

    async def provider_id(self, ref: Ref, media: Media) -> str | None:
        return None

    async def open(self, ref: Ref, media: Media) -> KeptFile | None:
        return None

    async def note(self, ref: Ref, media: Media, provider_id: str) -> None:
        return None


async def by_driver(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """Each message as a worker hands it to the driver."""
    clock = SystemClock()
    number = Number(1, NUMBER, BUSINESS, named(TOKEN))
    graph = Graph(url, VERSION, TOKEN)
    driver = CloudDriver(number, graph, NoFiles(), Shared(clock), clock, random)

    async def send(place: int) -> None:
        ref = Ref(place % 200, UUID(int=place), 1)
        outcome = await driver.send(Outgoing(ref, _to(place), TEXT, f"3EB0{place:018X}", 1))
        if not isinstance(outcome, Accepted):
            raise RuntimeError(f"It was not sent: {outcome}")

    await work(send)
    await driver.close()


async def bare(url: str, work: Callable[[Send], Awaitable[None]]) -> None:
    """A body of the same form, posted by a session of the same settings."""
    async with ClientSession(
        connector=TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
        timeout=TIMES,
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        cookie_jar=DummyCookieJar(),
    ) as session:
        address = f"{url}/{VERSION}/{NUMBER}/messages"

        async def send(place: int) -> None:
            data = msgspec.json.encode(_written(place))
            async with session.post(address, data=data, allow_redirects=False) as answer:
                await answer.read()

        await work(send)


def _to(place: int) -> str:
    return f"2782{place:07}"


def _written(place: int) -> Mapping[str, object]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": f"+{_to(place)}",
        "type": "text",
        "text": {"body": TEXT},
        "biz_opaque_callback_data": f"{place % 200}:{place:032x}:1",
    }


async def post(who: str, url: str, warm_up: int, count: int, each: int) -> None:
    """Send them all; whoever started us is told when to measure."""

    async def work(send: Send) -> None:
        await _all(send, range(warm_up), each)
        await _agree()
        await _all(send, range(warm_up, warm_up + count), each)
        await _agree()

    await CLIENTS[who](url, work)


async def _all(send: Send, places: range, each: int) -> None:
    left = iter(places)
    async with asyncio.TaskGroup() as group:
        for _ in range(each):
            group.create_task(_one_by_one(send, left))


async def _one_by_one(send: Send, places: Iterator[int]) -> None:
    for place in places:
        await send(place)


async def _agree() -> None:
    print(flush=True)
    if not await asyncio.to_thread(sys.stdin.readline):
        sys.exit("Nobody waits for us any more.")


CLIENTS = {"driver": by_driver, "bare": bare}

if __name__ == "__main__":
    uvloop.run(post(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
