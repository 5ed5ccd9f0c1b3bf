"""Limits hold alike in memory and in a Redis, and tell what is left in the contract's headers."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from waypost.kit.config_values import Rate
from waypost.kit.errors import RateLimited, Unavailable
from waypost.kit.limits import Limiter

MINUTE = Rate(10, 60)
USUAL = "redis://127.0.0.1:6379"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def answers(url: str) -> bool:
    with closing(redis.Redis.from_url(url, socket_timeout=2)) as client, suppress(redis.RedisError):
        return bool(client.ping())
    return False


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Redis of this machine, or one that is started for these tests."""
    if answers(USUAL):
        yield USUAL
        return
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.fail("There is no Redis to test with: install the Debian package redis-server.")
    yield from started(program, free_port(), tmp_path_factory.mktemp("redis"))


def started(program: str, port: int, folder: Path) -> Iterator[str]:
    """A Redis of our own that keeps nothing."""
    url = f"redis://127.0.0.1:{port}"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + 20
            while not answers(url):
                assert time.monotonic() < deadline, "the Redis did not start"
                time.sleep(0.05)
            yield url
        finally:
            server.terminate()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Limiter]:
    """A limiter as one process has it."""
    limiter = Limiter(url)
    yield limiter
    await limiter.close()


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest) -> AsyncIterator[Limiter]:
    if request.param == "memory":
        yield Limiter(None)
        return
    async with connected(request.getfixturevalue("redis_url")) as limiter:
        yield limiter


@pytest.fixture
def key() -> str:
    """A key that nobody else counts by."""
    return uuid4().hex


async def refusal(limiter: Limiter, key: str, rate: Rate, kind: str = "send") -> RateLimited:
    with pytest.raises(RateLimited) as refused:
        await limiter.take(kind, key, rate)
    return refused.value


async def test_the_eleventh_is_refused_and_each_answer_tells_what_is_left(
    limiter: Limiter, key: str
) -> None:
    answers = [await limiter.take("send", key, MINUTE) for _ in range(10)]
    refused = await refusal(limiter, key, MINUTE)

    assert [int(headers["RateLimit-Remaining"]) for headers in answers] == [*range(9, -1, -1)]
    assert {headers["RateLimit-Limit"] for headers in answers} == {"10"}
    assert all(50 <= int(headers["RateLimit-Reset"]) <= 60 for headers in answers)
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")


async def test_a_refusal_says_when_to_come_again(limiter: Limiter, key: str) -> None:
    for _ in range(10):
        await limiter.take("send", key, MINUTE)
    refused = await refusal(limiter, key, MINUTE)
    wait = refused.headers["Retry-After"]

    assert refused.headers == {
        "RateLimit-Limit": "10",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": wait,
        "Retry-After": wait,
    }
    assert 50 <= int(wait) <= 60
    assert refused.message == f"Too many requests: 10 per 60 s. Try again in {wait} s."


async def test_the_window_slides(redis_url: str, key: str) -> None:
    async with connected(redis_url) as shared:
        await asyncio.gather(slides(Limiter(None), key), slides(shared, key))


async def slides(limiter: Limiter, key: str) -> None:
    rate, waits = Rate(2, 1), set()
    await limiter.take("send", key, rate)
    began = time.time()
    await asyncio.sleep(0.5)
    await limiter.take("send", key, rate)
    while True:
        try:
            await limiter.take("send", key, rate)
            break
        except RateLimited as refused:
            waits.add(refused.headers["Retry-After"])
            await asyncio.sleep(0.02)

    assert time.time() - began > 0.9, "not before the first has left"
    assert waits == {"1"}, "never an invitation to come at once"


async def test_keys_and_kinds_are_counted_apart(limiter: Limiter, key: str) -> None:
    one = Rate(1, 60)
    await limiter.take("send", key, one)
    await refusal(limiter, key, one)

    assert await limiter.take("bulk", key, one)
    assert await limiter.take("send", f"{key} other", one)


async def test_a_rate_that_is_off_counts_nothing_and_tells_nothing(
    limiter: Limiter, key: str
) -> None:
    assert [await limiter.take("send", key, None) for _ in range(50)] == [{}] * 50
    assert (await limiter.take("send", key, MINUTE))["RateLimit-Remaining"] == "9"


async def test_exactly_as_many_pass_at_once_as_may(limiter: Limiter, key: str) -> None:
    came = await asyncio.gather(
        *(limiter.take("send", key, MINUTE) for _ in range(40)), return_exceptions=True
    )

    assert sum(isinstance(each, dict) for each in came) == 10
    assert sum(isinstance(each, RateLimited) for each in came) == 30


async def test_more_may_come_at_once_than_there_are_connections(limiter: Limiter, key: str) -> None:
    each = [limiter.take("send", f"{key} {number}", MINUTE) for number in range(300)]

    assert {headers["RateLimit-Remaining"] for headers in await asyncio.gather(*each)} == {"9"}


@pytest.mark.parametrize("scheme", ["redis", "valkey"])
async def test_processes_that_share_a_store_share_the_count(
    redis_url: str, scheme: str, key: str
) -> None:
    url = redis_url.replace("redis", scheme, 1)
    async with connected(url) as one, connected(url) as other:
        await one.take("send", key, Rate(1, 60))

        await refusal(other, key, Rate(1, 60))


async def test_a_redis_that_is_away_is_told_as_such(key: str) -> None:
    limiter = Limiter(f"redis://127.0.0.1:{free_port()}")

    with pytest.raises(Unavailable) as refused:
        await limiter.take("send", key, MINUTE)
    assert refused.value.status == 503
    assert "Retry-After" in refused.value.headers
