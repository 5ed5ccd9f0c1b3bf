"""Rate limits by the `limits` library: in memory, or in a Redis or Valkey that processes share."""

import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
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
        self._window = MovingWindowRateLimiter(_storage(url))
        self._items: dict[Rate, RateLimitItem] = {}

    async def take(self, kind: str, key: str, rate: Rate | None) -> Headers:
        """Count one request and return the headers of its answer; refuse it past the limit."""
        if rate is None:
            return {}
        item = self._items.get(rate) or self._item(rate)
        try:
            taken = await self._window.hit(item, kind, key)
            reset_at, remaining = await self._window.get_window_stats(item, kind, key)
        except StorageError as error:
            raise Unavailable("The store of the rate limits is away. Try again.") from error
        state = _State(rate.limit, remaining, max(0, round(reset_at - time.time())))
        if not taken:
            raise _refusal(rate, state)
        return state.headers()

    def _item(self, rate: Rate) -> RateLimitItem:
        item = RateLimitItemPerSecond(rate.limit, rate.seconds)
        self._items[rate] = item
        return item


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


def _storage(url: str | None) -> Storage:
    if url is None:
        return WindowStorage()
    # Valkey speaks the Redis protocol, and redis-py serves both.
    address = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    # The library's own pool refuses what finds no free connection; this one lets it wait.
    pool = BlockingConnectionPool.from_url(
        address.removeprefix("redis+"), max_connections=CONNECTIONS
    )
    return RedisStorage(
        f"async+{address}",
        wrap_exceptions=True,
        implementation="redispy",
        connection_pool=pool,  # type: ignore[arg-type]  # annotated for options of one word only
    )
