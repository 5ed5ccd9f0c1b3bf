"""How full a lane is, for operators."""

from dataclasses import dataclass
from datetime import datetime

from waypost.kit.db import Tx
from waypost.queue import store, store_depths
from waypost.queue.model import Lane

MOST = 1_000_000
"""A lane is counted no further than this."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Jobs that wait in a lane, and since when the oldest of them has been due."""

    waiting: int
    since: datetime | None


async def of(tx: Tx, lane: Lane) -> Depth:
    """How full the lane is."""
    return Depth(await store.depth(tx, lane, MOST), await store.oldest(tx, lane))


async def is_used(tx: Tx, lane: Lane) -> bool:
    """Whether any job of the lane waits or is claimed."""
    return await store_depths.is_used(tx, lane)
