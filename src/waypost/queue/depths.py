"""How full a lane is, and how much of an account waits."""

from dataclasses import dataclass
from datetime import datetime

from waypost.kit.db import Tx
from waypost.queue import store_depths as store
from waypost.queue.model import Lane

MOST = 1_000_000
"""A lane is counted no further than this, for operators."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages that wait in a lane, and since when the oldest job of it has been due."""

    waiting: int
    since: datetime | None


async def of(tx: Tx, lane: Lane) -> Depth:
    """How full the lane is."""
    return Depth(await store.of_lane(tx, lane, MOST), await store.oldest(tx, lane))


async def of_lane(tx: Tx, lane: Lane, most: int) -> int:
    """How many messages wait in the lane, counted up to `most`."""
    return await store.of_lane(tx, lane, most)


async def of_account(tx: Tx, account_id: int, most: int) -> int:
    """How many messages of the account wait or are claimed, counted up to `most`."""
    return await store.of_account(tx, account_id, most)


async def is_used(tx: Tx, lane: Lane) -> bool:
    """Whether any message of the lane waits or is claimed."""
    return await store.is_used(tx, lane)
