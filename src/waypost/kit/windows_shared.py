"""Sliding windows that several processes share, in a Redis or Valkey."""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from waypost.kit.config import Rate
from waypost.kit.errors import Unavailable
from waypost.kit.log import get
from waypost.kit.windows import Taken

PATIENCE_SECONDS = 5.0

log = get(__name__)

# KEYS: a list of moments each, the oldest first. ARGV: a limit and seconds for each key.
# The server's own clock counts, so that the machines that share it need not agree on the time.
TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local taken = {}
for i, key in ipairs(KEYS) do
    local limit, seconds = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now - seconds do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    local count = redis.call('LLEN', key)
    local allowed = count < limit
    if allowed then
        count = redis.call('RPUSH', key, string.format('%.6f', now))
        redis.call('EXPIRE', key, seconds + 1)
    end
    local reset = seconds - (now - (tonumber(oldest or now)))
    taken[i] = {allowed and 1 or 0, count, tostring(reset)}
end
return taken
"""

Asked = tuple[str, Rate, asyncio.Future[Taken]]


class SharedWindows:
    """In a Redis or Valkey; requests that come together ask together, in one round trip."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = Redis.from_url(
            _as_redis(url),
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
        )
        self._take = self._redis.register_script(TAKE)
        self._asked: list[Asked] = []
        self._asking: asyncio.Task[None] | None = None

    async def take(self, key: str, rate: Rate) -> Taken:
        answer: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()
        self._asked.append((f"waypost:{key}", rate, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self) -> None:
        """Ask for all that gathered during the last round trip, until nobody is left."""
        while self._asked:
            asked, self._asked = self._asked, []
            try:
                taken = await self._take([key for key, _, _ in asked], _arguments(asked))
            except RedisError as error:
                log.warning("limits.away", error=str(error))
                _answer(asked, None)
            except Exception:
                log.exception("limits.failed")
                _answer(asked, None)
            else:
                _answer(asked, taken)
        self._asking = None


def _arguments(asked: Sequence[Asked]) -> list[int]:
    return [number for _, rate, _ in asked for number in (rate.limit, rate.seconds)]


def _answer(asked: Sequence[Asked], taken: Any) -> None:
    for place, (_, _, answer) in enumerate(asked):
        if answer.done():
            continue  # its client has gone
        if taken is None:
            answer.set_exception(Unavailable("The store of the rate limits is away. Try again."))
        else:
            allowed, count, reset = taken[place]
            answer.set_result(Taken(bool(allowed), count, float(reset)))


def _as_redis(url: str) -> str:
    """Valkey speaks the Redis protocol, and redis-py serves both."""
    spoken = url.replace("valkey", "redis", 1) if url.startswith("valkey") else url
    return spoken.removeprefix("redis+")
