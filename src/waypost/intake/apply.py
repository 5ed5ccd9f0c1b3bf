"""The one door for what devices tell."""

from collections import Counter
from collections.abc import Sequence
from typing import assert_never

import prometheus_client

from waypost.drivers.port import Delivered, DriverEvent, Failed, Read
from waypost.kit.clock import Clock
from waypost.kit.db import Database
from waypost.messages import receipts
from waypost.messages.receipts import Receipt

RECEIPTS = prometheus_client.Counter(
    "waypost_receipts_total", "Receipts that told something new", ["type"]
)


async def apply(db: Database, clock: Clock, events: Sequence[DriverEvent]) -> None:
    """Write what happened, in one commit."""
    told: list[Receipt] = []
    for event in events:
        match event:
            case Delivered() | Read() | Failed():
                told.append(event)
            case _:
                assert_never(event)
    news = await db.transact(lambda tx: receipts.apply(tx, told, clock))
    for kind, count in Counter(type(receipt) for receipt in news).items():
        RECEIPTS.labels(kind.__name__.lower()).inc(count)
