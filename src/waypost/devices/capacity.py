"""How fast a pool's devices send: for estimates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import inf

from waypost.devices import store
from waypost.devices.model import Device
from waypost.devices.pacing import day_of
from waypost.kit.db import Tx

UNPACED = 1000.0
"""Messages a second of a device that nothing bounds."""

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Strength:
    """A device's messages a second, and the most that it sends today and on each later day."""

    rate: float
    today: float
    daily: float


async def rate(tx: Tx, pool_id: int, now: datetime, ahead: int = 0) -> float:
    """Messages a second, on average until so many have gone; 0 where no device can send."""
    available = await store.available(tx, pool_id, day_of(now))
    return together([strength(device, sent, now) for device, sent in available], ahead, now)


def strength(device: Device, sent_today: int, now: datetime) -> Strength:
    """What the device can do, its quiet hours left aside."""
    own = device.config.get("rate")
    pacing, today = device.pacing, day_of(now)
    rate = min(pacing.rate, own if isinstance(own, int) else UNPACED)
    made_on = day_of(device.created_at)
    cap = pacing.cap_on(today, made_on)
    full = inf if pacing.daily_cap is None else float(pacing.daily_cap)
    return Strength(rate, inf if cap is None else max(0, cap - sent_today), full)


def together(devices: Sequence[Strength], ahead: int, now: datetime) -> float:
    """Their messages a second, on average until so many have gone."""
    midnight = datetime.combine(day_of(now) + timedelta(days=1), time(), UTC)
    seconds = (midnight - now).total_seconds()
    today = sum(min(each.today, each.rate * seconds) for each in devices)
    if ahead <= today:
        return sum(each.rate for each in devices if each.today)
    daily = sum(min(each.daily, each.rate * DAY_SECONDS) for each in devices)
    return ahead / (seconds + (ahead - today) / daily * DAY_SECONDS) if daily else 0.0
