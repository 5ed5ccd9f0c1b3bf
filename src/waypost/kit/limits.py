"""Rate limits by the `limits` library: in memory, or in a Redis or Valkey that processes share."""

import time
from dataclasses import dataclass

from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool

from waypost.kit.config import Rate
from waypost.kit.errors import RateLimited, Unavailable
from waypost.kit.limits_memory import WindowStorage

CONNECTIONS = 32

Headers = dict[str, str]


class Limiter:
    """A sliding window for each kind of request and each key."""

    def __init__(self, url: str | None) -> None:
        self._connections = _connections(url)
        self._windows = _storage(url, self._connections)

    async def close(self) -> None:
        """Leave the store that is shared."""
        if self._connections is not None:
            await self._connections.disconnect()

    async def take(self, kind: str, key: str, rate: Rate | None) -> Headers:
        """Count one request and return the headers of its answer; refuse it past the limit."""
        if rate is None:
            return {}
        window = f"{kind}/{key}/{rate.limit}/{rate.seconds}"
        try:
            taken = await self._windows.acquire_entry(window, rate.limit, rate.seconds)
            start, count = await self._windows.get_moving_window(window, rate.limit, rate.seconds)
        except StorageError as error:
            raise Unavailable("The store of the rate limits is away. Try again.") from error
        reset = max(0, round(start + rate.seconds - time.time()))
        state = _State(rate.limit, rate.limit - count, reset)
        if not taken:
            raise _refusal(rate, state)
        return state.headers()


@dataclass(frozen=True, slots=True)
class _State:
    limit: int
    remaining: int
    reset: int

    def headers(self) -> Headers:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


def _refusal(rate: Rate, state: _State) -> RateLimited:
    wait = max(1, state.reset)
    sentence = f"Too many requests: {rate.limit} per {rate.seconds} s. Try again in {wait} s."
    return RateLimited(sentence, headers={**state.headers(), "Retry-After": str(wait)})


def _connections(url: str | None) -> BlockingConnectionPool | None:
    if url is None:
        return None
    # The library's own pool refuses what finds no free connection; this one lets it wait.
    return BlockingConnectionPool.from_url(
        _spoken(url).removeprefix("redis+"), max_connections=CONNECTIONS
    )


def _storage(
    url: str | None, connections: BlockingConnectionPool | None
) -> RedisStorage | WindowStorage:
    if url is None:
        return WindowStorage()
    return RedisStorage(
        f"async+{_spoken(url)}",
        wrap_exceptions=True,
        implementation="redispy",
        connection_pool=connections,  # type: ignore[arg-type]  # annotated for options of one word
    )


def _spoken(url: str) -> str:
    """Valkey speaks the Redis protocol, and redis-py serves both."""
    return url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
