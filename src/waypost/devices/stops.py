"""What the provider has stopped of devices, as callbacks told; the workers that run them obey."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from waypost.devices import store_stops as store
from waypost.drivers.news import Stop
from waypost.kit.db import Tx

KEPT = timedelta(days=1)
"""After their time, for those who look into the database."""

AT_ONCE = 1000


async def note(tx: Tx, stops: Sequence[Stop]) -> None:
    """From now on they hold; of several of the same thing the one that lasts longest."""
    longest = {_key(stop): stop for stop in sorted(stops, key=lambda stop: stop.until)}
    if longest:
        await store.note(tx, [longest[key] for key in sorted(longest)])


async def of_devices(tx: Tx, device_ids: Sequence[int], now: datetime) -> dict[int, list[Stop]]:
    """Those that hold now, of these devices."""
    return await store.of_devices(tx, device_ids, now) if device_ids else {}


async def lift(tx: Tx, device_id: int) -> None:
    """Somebody saw to it: what was told of the device until now stops it no more."""
    await store.lift(tx, device_id)


async def prune(tx: Tx, now: datetime) -> bool:
    """Forget what is over for long; says whether there is more."""
    return await store.prune(tx, now - KEPT, AT_ONCE) == AT_ONCE


def _key(stop: Stop) -> tuple[int, str, tuple[str, str]]:
    return stop.device_id, stop.level, stop.template or ("", "")
