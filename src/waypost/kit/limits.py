"""Rate limits and the headers that tell of them."""

import math

from waypost.kit.config import Rate
from waypost.kit.errors import RateLimited
from waypost.kit.windows import OwnWindows, Taken, Windows

Headers = dict[str, str]


class Limiter:
    """Counts each kind of request for each key: in memory, or where a URL says so together with
    the other processes that have the same URL."""

    def __init__(self, url: str | None) -> None:
        self._windows: Windows = OwnWindows() if url is None else _shared(url)

    async def take(self, kind: str, key: str, rate: Rate | None) -> Headers:
        """Count one request and return the headers of its answer; refuse it past the limit."""
        if rate is None:
            return {}
        taken = await self._windows.take(f"{kind}:{key}", rate)
        if not taken.allowed:
            raise _refusal(rate, taken)
        return _headers(rate, taken)

    async def close(self) -> None:
        """Count no more."""
        await self._windows.close()


def _shared(url: str) -> Windows:
    # Imported here: a process that counts alone is 6 MB smaller without the client.
    from waypost.kit.windows_shared import SharedWindows

    return SharedWindows(url)


def _headers(rate: Rate, taken: Taken) -> Headers:
    return {
        "RateLimit-Limit": str(rate.limit),
        "RateLimit-Remaining": str(max(0, rate.limit - taken.count)),
        "RateLimit-Reset": str(max(0, round(taken.reset))),
    }


def _refusal(rate: Rate, taken: Taken) -> RateLimited:
    # Rounded up: who comes back then is let in.
    wait = max(1, math.ceil(taken.reset))
    sentence = f"Too many requests: {rate.limit} per {rate.seconds} s. Try again in {wait} s."
    return RateLimited(sentence, headers={**_headers(rate, taken), "Retry-After": str(wait)})
