"""When to look at a message again: it is due to be queued, or its own deadline is over."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from waypost.kit.db import Tx
from waypost.messages import store_alarms as store
from waypost.messages.store_alarms import Alarm

SOON = timedelta(minutes=10)
"""What expires within this time gets its alarm at once; the rest is given one by `watch`."""


def first(now: datetime, send_at: datetime | None, expires_at: datetime) -> datetime | None:
    """When a message that is accepted now is first to be looked at; None: `watch` is in time."""
    if send_at is not None:
        return send_at
    return expires_at if expires_at <= now + SOON else None


async def set(tx: Tx, alarms: Sequence[Alarm]) -> None:
    """Look at these messages then; each has one alarm at most, the last that was set."""
    if alarms:
        await store.put(tx, alarms)
