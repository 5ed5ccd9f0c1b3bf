"""Each kind of driver on a transport of its own: for tests that every kind passes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from tests.support.graph.business import Business, business
from tests.support.graph.notes import Post
from tests.support.graph.world import APP_SECRET, BUSINESS, NUMBER, TOKEN
from waypost.drivers import secrets
from waypost.drivers.cloud import inbound
from waypost.drivers.news import Delivered, Failed, Read
from waypost.drivers.outgoing import Media, Outgoing, Ref
from waypost.drivers.port import Driver, KeptFile, Shelf
from waypost.drivers.registry import makers
from waypost.drivers.sandbox import Manner, SandboxDriver
from waypost.drivers.simulation import Delays, Network, Simulation
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.seal import Sealer

Receipt = Delivered | Read | Failed

CLOCK = SystemClock()
DEVICE = 5
SECONDS = 10.0
MANNER = Manner(rate=10_000, delivered_seconds=0.03, read_seconds=0.06)
DELAYS = Delays(slow=0.3, away=0.3)


class Fate(Enum):
    """What a message is to meet; by the value the sandbox's number ends in it."""

    ORDINARY = "4567"
    REFUSED = "0001"
    FAILS = "0004"
    SLOW = "0005"
    BUSY_ONCE = "0006"
    DROPS = "0007"
    LOST = "0009"


# How the Graph is told of it.
FAULTS = {
    Fate.REFUSED: "131026",
    Fate.FAILS: "failed/131026",
    Fate.SLOW: "slow",
    Fate.BUSY_ONCE: "131016",
    Fate.DROPS: "131057",
    Fate.LOST: "taken/close",
}
ONCE = {Fate.BUSY_ONCE, Fate.DROPS, Fate.LOST}


@dataclass
class Rig:
    """A driver, and what its transport told of messages so far.

    Told through the driver, or by callbacks: that is the kind's own affair. `is_quiet`: what was
    put on its way before what was told last has been told too.
    """

    driver: Driver
    news: Callable[[], list[Receipt]]
    meet: Callable[[str, Fate], None]
    is_quiet: Callable[[], bool]
    numbers: Iterator[int] = field(default_factory=count)

    def outgoing(
        self, fate: Fate = Fate.ORDINARY, *, text: str = "Hello", deadline: float = float("inf")
    ) -> Outgoing:
        """A message that will meet this."""
        to = f"2782{next(self.numbers):03}{fate.value}"
        self.meet(to, fate)
        id = uuid4()
        return Outgoing(Ref(7, id, 1), to, text, f"3EB0{id.hex[:18]}", 1, deadline)

    def told(self, id: UUID) -> list[type[Receipt]]:
        """What was told of a message, in order."""
        return [type(each) for each in self.news() if each.ref.message_id == id]

    async def until_told(self, outgoing: Outgoing, *kinds: type[Receipt]) -> None:
        """Wait until all of these were told of the message."""
        await self.until(lambda: set(kinds) <= set(self.told(outgoing.ref.message_id)))

    async def until_quiet(self) -> None:
        """Wait until all was told that is to be told."""
        later = self.outgoing()
        await self.driver.send(later)
        await self.until_told(later, Delivered, Read)
        await self.until(self.is_quiet)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.news()
            await asyncio.sleep(0.005)

    async def until_connected(self) -> None:
        """Wait until the device is up."""
        deadline = time.monotonic() + SECONDS
        while (down := await self.driver.connect([])) is not None:
            assert time.monotonic() < deadline, down
            await asyncio.sleep(0.005)


@asynccontextmanager
async def sandbox() -> AsyncIterator[Rig]:
    """The simulated device, a quick one. What it does is decided by the numbers."""
    network = Network()
    driver = SandboxDriver(Simulation(network, DELAYS, CLOCK), network, MANNER, CLOCK, lambda: 0.5)
    heard: list[Receipt] = []
    async with _hearing(driver, heard):
        # Its receipts come in the order of the sends.
        yield Rig(driver, lambda: heard, lambda to, fate: None, lambda: True)


@asynccontextmanager
async def cloud() -> AsyncIterator[Rig]:
    """An official number at a fake Graph, made as workers make it."""
    async with official() as number, _hearing(number.driver, []):
        shop = number.shop
        yield Rig(
            number.driver,
            news=lambda: list(_statuses(shop)),
            meet=lambda to, fate: _meet(shop, to, fate),
            is_quiet=lambda: shop.graph.courier.waiting == 0,
        )


@dataclass(frozen=True)
class Official:
    """A driver of an official number, and the Graph that it writes to."""

    driver: Driver
    shop: Business
    make: Callable[[int, str], Driver]  # another number's, by its device's id and its own

    @property
    def posts(self) -> list[Post]:
        """What the Graph was posted, in order."""
        return self.shop.graph.notes.posts

    def fail(self, fault: str, **rule: Any) -> None:
        """From now on the Graph fails so, where the rule says it."""
        self.shop.graph.faults.replace({"rules": [{"fault": fault, **rule}]})


@asynccontextmanager
async def official(shelf: Shelf | None = None) -> AsyncIterator[Official]:
    """The first number of a fake Graph."""
    async with business() as shop:
        sealer, kept = Sealer(["k" * 32]), EmptyShelf() if shelf is None else shelf
        making = makers(Settings(), CLOCK, lambda: 0.5, sealer, lambda _: kept)["cloud"]

        def make(device_id: int, phone_number_id: str) -> Driver:
            config = {
                "phone_number_id": phone_number_id,
                "business_account_id": BUSINESS,
                "graph_url": shop.graph.url,
            }
            told = {"access_token": TOKEN, "app_secret": APP_SECRET}
            return making(device_id, config, secrets.seal(sealer, device_id, told)).driver

        yield Official(make(DEVICE, NUMBER), shop, make)


Kind = Callable[[], AbstractAsyncContextManager[Rig]]
KINDS: dict[str, Kind] = {"sandbox": sandbox, "cloud": cloud}


class EmptyShelf:
    """Nothing is kept."""

    async def provider_id(self, ref: Ref, media: Media) -> str | None:
        return None

    async def open(self, ref: Ref, media: Media) -> KeptFile | None:
        return None

    async def note(self, ref: Ref, media: Media, provider_id: str) -> None:
        raise AssertionError("there was nothing to give")

    async def forget(self, ref: Ref, media: Media, provider_id: str) -> bool:
        raise AssertionError("there was nothing to forget")


def _meet(shop: Business, to: str, fate: Fate) -> None:
    if fate is Fate.ORDINARY:
        return
    times = 1 if fate in ONCE else None
    shop.graph.faults.add({"fault": FAULTS[fate], "to": to, "times": times})


def _statuses(shop: Business) -> Iterator[Receipt]:
    for webhook in shop.webhooks:
        for change in inbound.changes(json.dumps(webhook).encode()) or []:
            for news in inbound.news(change, DEVICE, datetime.now(UTC)):
                if isinstance(news, inbound.Status) and news.ref is not None:
                    receipt = news.receipt(news.ref)
                    if isinstance(receipt, Receipt):
                        yield receipt


@asynccontextmanager
async def _hearing(driver: Driver, heard: list[Receipt]) -> AsyncIterator[None]:
    """What the driver tells, as it comes; in the end it is closed, and then it tells no more."""

    async def listen() -> None:
        async for event in driver.events():
            if isinstance(event, Receipt):
                heard.append(event)  # noqa: PERF401  # others look at it while it grows

    listening = asyncio.create_task(listen())
    try:
        yield
    finally:
        await driver.close()
        await asyncio.wait_for(listening, SECONDS)
