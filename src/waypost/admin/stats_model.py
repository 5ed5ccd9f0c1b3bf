"""What an operator is told in numbers."""

from dataclasses import dataclass
from datetime import datetime

from waypost.devices.model import Pool


@dataclass(frozen=True, slots=True)
class Hour:
    """The messages accepted in one hour, and what has become of them since."""

    at: datetime
    accepted: int = 0
    scheduled: int = 0
    queued: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    uncertain: int = 0
    failed: int = 0
    expired: int = 0
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """What waits in a pool, since when the oldest has been due, and who can carry it."""

    pool: Pool
    backlog: int
    since: datetime | None
    available_devices: int
    total_devices: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The last hours, oldest first, the pools as they are, and how many messages do not move."""

    hours: list[Hour]
    pools: list[PoolLoad]
    stuck: int
