"""How much a device sent on a day: kept for those that have a cap."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from waypost.devices import store_days
from waypost.devices.pacing import day_of
from waypost.kit.db import Tx

KEPT = timedelta(days=7)


async def count(tx: Tx, sent: Mapping[int, int], at: datetime) -> None:
    """So many more go by these devices now."""
    ids = sorted(sent)
    await store_days.add(tx, ids, [sent[id] for id in ids], day_of(at))


async def sent(tx: Tx, device_id: int, at: datetime) -> int:
    """What the device has sent on this day."""
    return await store_days.sent(tx, device_id, day_of(at))


async def prune(tx: Tx, now: datetime) -> None:
    """Forget days long past."""
    await store_days.prune(tx, day_of(now - KEPT))
