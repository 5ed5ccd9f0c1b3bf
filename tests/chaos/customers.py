"""Customers who send on while everything breaks; with a key they ask again until answered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.chaos.evidence import Asked
from tests.journeys.load import BULK, SEND

PATIENCE_SECONDS = 5.0
AGAIN_SECONDS = 0.1
COLD = 200
HOT_SHARE = 0.4
BULK_SHARE = 0.15
BULK_SIZE = 12
KEYED_SHARE = 0.8


@dataclass(frozen=True)
class Sender:
    """Sends one request after another for an account. `name` is in every text."""

    account_id: int
    name: str
    token: str = field(repr=False)
    random: Random = field(repr=False)


@dataclass
class Market:
    """All customers together: what they asked, and what they were answered.

    A request without a key is asked once, and whoever gets no answer to it does not know; one with
    a key is asked until it is answered. `oddities` are answers that are never given. `hot` are so
    many recipients to whom much is written.
    """

    url: str
    enough: int
    hot: int
    asked: list[Asked] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    answers: int = 0
    repeats: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, senders: Sequence[Sender], pause: float) -> None:
        """Send until there were enough answers; each rests about so many seconds after one."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with aiohttp.ClientSession(self.url, timeout=timeout) as http:
            await asyncio.gather(*(self._trade(http, who, pause) for who in senders))

    async def reached(self, answers: int) -> None:
        """Wait until so many were given."""
        while self.answers < answers:
            self._came.clear()
            await self._came.wait()

    async def _trade(self, http: aiohttp.ClientSession, who: Sender, pause: float) -> None:
        number = 0
        while self.answers < self.enough:
            number += 1
            await self._ask(http, who, f"{who.name}, message {number}")
            await asyncio.sleep(pause * who.random.uniform(0.5, 1.5))

    async def _ask(self, http: aiohttp.ClientSession, who: Sender, text: str) -> None:
        random = who.random
        size = BULK_SIZE if random.random() < BULK_SHARE else 1
        numbers = tuple(dict.fromkeys(self._number(random) for _ in range(size)))
        is_keyed = random.random() < KEYED_SHARE
        single = size == 1
        body = {"message": text, **({"number": numbers[0]} if single else {"numbers": numbers})}
        ids = await self._answer(http, who, SEND if single else BULK, body, is_keyed)
        kind = "single" if single else "bulk"
        self.asked.append(Asked(who.account_id, kind, text, numbers, ids))

    async def _answer(
        self,
        http: aiohttp.ClientSession,
        who: Sender,
        path: str,
        body: dict[str, Any],
        is_keyed: bool,
    ) -> tuple[str, ...] | None:
        headers = {"Authorization": f"Bearer {who.token}"}
        if is_keyed:
            headers["Idempotency-Key"] = body["message"].replace(" ", "-")
        while True:
            try:
                async with http.post(path, json=body, headers=headers) as response:
                    status, answer = response.status, await response.json()
            except (aiohttp.ClientError, TimeoutError, ValueError):
                status, answer = 0, {}
            if status == 200:
                self.answers += 1
                self._came.set()
                return _ids(answer)
            if status not in (0, 503):
                self.oddities.append(f"{path} {body} was answered {status}: {answer}")
                return None
            if not is_keyed:
                return None
            self.repeats += 1
            await asyncio.sleep(AGAIN_SECONDS)

    def _number(self, random: Random) -> str:
        if random.random() < HOT_SHARE:
            return f"278210050{random.randrange(self.hot):02}"
        return f"2782{random.randrange(COLD):03}4567"


def _ids(answer: dict[str, Any]) -> tuple[str, ...]:
    shown = answer.get("queue_ids") or [answer["queue_id"]]
    return tuple(str(each).removeprefix("msg_") for each in shown)
