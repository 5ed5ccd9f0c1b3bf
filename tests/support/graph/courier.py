"""Brings webhooks: late, twice, out of order and in batches, as it is told."""

import asyncio
import heapq
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import aiohttp

from tests.support.graph.payloads import Update, body, signature
from tests.support.graph.world import World

MOST_UPDATES = 1000
AT_ONCE = 20  # posts under way
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds before a webhook that was not taken comes again
ANSWER_SECONDS = 20.0


@dataclass(frozen=True)
class Manner:
    """How webhooks come.

    `after`: the least and the most seconds until one comes, of statuses after the one before;
    `disordered`: each counts from the send instead; `twice`: the chance that one comes again;
    `batch`: the most updates of one post, gathered for `gather` seconds; `statuses`: what becomes
    of a message; `opaque`: whether they bring the sender's words: always, unless_failed, never;
    `paused`: none comes until told otherwise; `seed`: of all chances.
    """

    after: tuple[float, float] = (0.02, 0.1)
    disordered: bool = False
    twice: float = 0.0
    batch: int = 1
    gather: float = 0.0
    statuses: tuple[str, ...] = ("sent", "delivered", "read")
    opaque: str = "always"
    paused: bool = False
    seed: str = ""

    @classmethod
    def read(cls, told: dict[str, Any]) -> "Manner":
        """From the JSON of `/control/manner`."""
        made = cls(**told)
        if not 1 <= made.batch <= MOST_UPDATES:
            raise ValueError(f"A batch has 1 to {MOST_UPDATES} updates.")
        if made.opaque not in ("always", "unless_failed", "never"):
            raise ValueError(f"opaque: {made.opaque!r}")
        return made


@dataclass(order=True)
class Parcel:
    """An update on its way; `due` on the monotonic clock."""

    due: float
    turn: int
    update: Update = field(compare=False)
    tries: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Delivery:
    """One post of a webhook; `status` 0 where no answer came."""

    at: float
    url: str
    updates: int
    status: int


class Courier:
    """Keeps what is to be told, and posts it to whom its business account names."""

    def __init__(self, world: World) -> None:
        self.deliveries: list[Delivery] = []
        self.manner = Manner()
        self._world = world
        self._random = Random("")
        self._parcels: list[Parcel] = []
        self._turns = count()
        self._under_way = 0
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._posts: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many updates are still to be brought."""
        return len(self._parcels) + self._under_way

    def behave(self, manner: Manner) -> None:
        """From now on so."""
        self.manner = manner
        self._random = Random(manner.seed)
        self._changed.set()

    def send(self, *updates: Update) -> None:
        """Bring these, one after the other unless told to mix them."""
        due = start = time.monotonic()
        for update in updates:
            due = (start if self.manner.disordered else due) + self._random.uniform(
                *self.manner.after
            )
            self._put(update, due)
            if self._random.random() < self.manner.twice:
                self._put(update, due + self._random.uniform(*self.manner.after))

    async def send_now(self, update: Update) -> None:
        """Bring it before going on; it is brought even where who waits for it hangs up."""
        self._under_way += 1
        parcel = Parcel(time.monotonic(), next(self._turns), update)
        await asyncio.shield(self._posting([parcel]))

    async def run(self) -> None:
        """Bring what is due, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as self._session:
            try:
                while True:
                    await self._slots.acquire()
                    await self._until_due()
                    self._start(self._taken())
            finally:
                for post in self._posts:
                    post.cancel()
                await asyncio.gather(*self._posts, return_exceptions=True)

    def _put(self, update: Update, due: float, tries: int = 0) -> None:
        heapq.heappush(self._parcels, Parcel(due, next(self._turns), update, tries))
        self._changed.set()

    async def _until_due(self) -> None:
        while self.manner.paused or not self._parcels or self._wait() > 0:
            self._changed.clear()
            idle = self.manner.paused or not self._parcels
            # Not wait_for: in Python 3.11 it may swallow the cancellation that ends us.
            with suppress(TimeoutError):
                async with asyncio.timeout(None if idle else self._wait()):
                    await self._changed.wait()

    def _wait(self) -> float:
        return self._parcels[0].due + self.manner.gather - time.monotonic()

    def _taken(self) -> list[Parcel]:
        """What is due and goes to the same address, up to a batch."""
        now, taken, others = time.monotonic(), list[Parcel](), list[Parcel]()
        while self._parcels and self._parcels[0].due <= now and len(taken) < self.manner.batch:
            parcel = heapq.heappop(self._parcels)
            fits = not taken or self._address(parcel) == self._address(taken[0])
            (taken if fits else others).append(parcel)
        for parcel in others:
            heapq.heappush(self._parcels, parcel)
        if self.manner.disordered:
            self._random.shuffle(taken)
        return taken

    def _address(self, parcel: Parcel) -> tuple[str | None, str]:
        business = self._world.businesses[parcel.update.business_id]
        return business.callback_url, business.app_secret

    def _start(self, parcels: list[Parcel]) -> None:
        self._under_way += len(parcels)
        self._posting(parcels).add_done_callback(lambda _: self._slots.release())

    def _posting(self, parcels: list[Parcel]) -> asyncio.Task[None]:
        post = asyncio.create_task(self._post(parcels))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return post

    async def _post(self, parcels: Sequence[Parcel]) -> None:
        url, secret = self._address(parcels[0])
        try:
            status = 200 if url is None else await self._told(url, secret, parcels)
        finally:
            self._under_way -= len(parcels)
        if status != 200:
            self._again(parcels)

    def _again(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            wait = min(FIRST_WAIT * 2**parcel.tries, LONGEST_WAIT) if parcel.tries else 0.0
            self._put(parcel.update, time.monotonic() + wait, parcel.tries + 1)

    async def _told(self, url: str, secret: str, parcels: Sequence[Parcel]) -> int:
        """The status of the answer; 0 for none."""
        written = body([parcel.update for parcel in parcels])
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": signature(secret, written),
        }
        status = 0
        with suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self._session.post(url, data=written, headers=headers) as answer:
                await answer.read()
                status = answer.status
        self.deliveries.append(Delivery(time.time(), url, len(parcels), status))
        return status
