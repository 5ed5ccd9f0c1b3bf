"""The one door for what devices tell."""

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

import prometheus_client

from waypost.devices import number, stops
from waypost.drivers.news import (
    Delivered,
    DriverEvent,
    Failed,
    Inbound,
    Left,
    NumberNews,
    Read,
    Receipt,
    Stop,
    TemplateNews,
    TemplatesNews,
)
from waypost.kit.clock import Clock
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.messages import inbound, receipts
from waypost.templates import provider

RECEIPTS = prometheus_client.Counter(
    "waypost_receipts_total", "Receipts that told something new", ["type"]
)
INBOUND = prometheus_client.Counter("waypost_inbound_total", "Messages that people wrote to us")


class News:
    """What was new of all that was told."""

    def __init__(self, receipts: Sequence[Receipt] = (), inbound: int = 0) -> None:
        self._receipts = receipts
        self._inbound = inbound

    def __add__(self, other: "News") -> "News":
        return News([*self._receipts, *other._receipts], self._inbound + other._inbound)

    def count(self) -> None:
        """It is committed."""
        for kind, count in Counter(type(receipt) for receipt in self._receipts).items():
            RECEIPTS.labels(kind.__name__.lower()).inc(count)
        INBOUND.inc(self._inbound)


async def apply(db: Database, clock: Clock, ids: Ids, events: Sequence[DriverEvent]) -> None:
    """Write what happened, in one commit."""
    news = await db.transact(lambda tx: write(tx, clock, ids, events))
    news.count()


async def write(tx: Tx, clock: Clock, ids: Ids, events: Sequence[DriverEvent]) -> News:
    """Write what happened; `count` what comes back once it is committed."""
    told: list[Receipt] = []
    written: list[Inbound] = []
    numbers: dict[int, NumberNews] = {}
    templates: list[TemplatesNews | TemplateNews] = []
    stopped: list[Stop] = []
    for event in events:
        match event:
            case Left() | Delivered() | Read() | Failed():
                told.append(event)
            case Inbound():
                written.append(event)
            case Stop():
                stopped.append(event)
            case NumberNews():
                numbers[event.device_id] = event
            case TemplatesNews() | TemplateNews():
                templates.append(event)
            case _:
                assert_never(event)
    news = await receipts.apply(tx, told, clock) if told else []
    new = await inbound.keep(tx, written, ids, clock.now())
    await stops.note(tx, stopped)
    for device_id in sorted(numbers):
        await number.note(tx, numbers[device_id])
    for each in templates:
        await provider.note(tx, each)
    return News(news, new)
