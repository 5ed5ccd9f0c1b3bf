"""The bare client: posts what a sandbox device's wire posts, and does nothing else.

`python -m bench.posting URL COUNT DEVICES EACH` posts COUNT messages, EACH at a time by a device.
"""

import asyncio
import sys
from collections.abc import Iterator
from uuid import uuid4

import msgspec
import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from waypost.drivers.wire import HEADERS, KEEP_SECONDS, TIMES

TEXT = (
    "Order 48213 has left our warehouse and will reach you tomorrow between nine and eleven in the "
    "morning"
)


async def post(url: str, count: int, devices: int, each: int) -> None:
    """Post them all."""
    numbers = iter(range(count))
    async with asyncio.TaskGroup() as group:
        for device_id in range(devices):
            group.create_task(_device(url, device_id, each, numbers))


async def _device(url: str, device_id: int, each: int, numbers: Iterator[int]) -> None:
    connector = TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS)
    async with (
        ClientSession(
            connector=connector,
            timeout=TIMES,
            headers=HEADERS,
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
        ) as session,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(each):
            group.create_task(_one_by_one(session, url, device_id, numbers))


async def _one_by_one(
    session: ClientSession, url: str, device_id: int, numbers: Iterator[int]
) -> None:
    for number in numbers:
        async with session.post(
            url, data=_written(number, device_id), allow_redirects=False
        ) as answer:
            await answer.read()


def _written(number: int, device_id: int) -> bytes:
    return msgspec.json.encode(
        {
            "id": f"3EB0{number:018X}",
            "to": f"2782{number:07}",
            "text": TEXT,
            "account_id": number % 200,
            "message_id": uuid4(),
            "attempt": 1,
            "device": device_id,
        }
    )


if __name__ == "__main__":
    uvloop.run(post(sys.argv[1], *map(int, sys.argv[2:])))
