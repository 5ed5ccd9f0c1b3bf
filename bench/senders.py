"""Sends of many messages through the API, as a customer's program sends them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice

import aiohttp

from bench.plan import BULK_CONNECTIONS, BULK_SIZE
from bench.posting import TEXT
from bench.processes import BenchError

NUMBERS = count()
"""Running, so that no two messages of a run go to the same number."""


def new_number() -> str:
    """A South African mobile whose last four digits the sandbox gives no special fate."""
    number = next(NUMBERS)
    return f"2782{number // 7000 % 1000:03}{2000 + number % 7000:04}"


async def send_bulks(url: str, tokens: Sequence[str], messages: int) -> None:
    """Send so many messages in bulks, the accounts in turn."""
    connector = aiohttp.TCPConnector(limit=BULK_CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        sizes = _sizes(messages)
        turns = ((tokens[n % len(tokens)], size) for n, size in enumerate(sizes))
        async with asyncio.TaskGroup() as group:
            for _ in range(BULK_CONNECTIONS):
                group.create_task(_one_by_one(session, turns))


async def send_single(session: aiohttp.ClientSession, token: str) -> str:
    """Send one message; returns its queue_id."""
    body = {"number": new_number(), "message": TEXT}
    answer = await _post(session, token, "send-message", body)
    return str(answer["queue_id"])


async def _one_by_one(session: aiohttp.ClientSession, turns: Iterator[tuple[str, int]]) -> None:
    for token, size in turns:
        body = {"numbers": [new_number() for _ in range(size)], "message": TEXT}
        await _post(session, token, "send-bulk-message", body)


async def _post(
    session: aiohttp.ClientSession, token: str, route: str, body: Mapping[str, object]
) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}"}
    async with session.post(f"/api/messages/{route}", json=body, headers=headers) as answer:
        if answer.status != 200:
            raise BenchError(f"A send was not accepted: {answer.status} {await answer.text()}")
        said: dict[str, object] = await answer.json()
        return said


def _sizes(messages: int) -> Iterator[int]:
    whole, rest = divmod(messages, BULK_SIZE)
    yield from islice(iter(lambda: BULK_SIZE, 0), whole)
    if rest:
        yield rest
