"""Messages that make no progress."""

from datetime import datetime

from waypost.kit.db import Tx
from waypost.queue import upkeep


async def count(tx: Tx, now: datetime) -> int:
    """How many were claimed by a worker that died, and have been taken over by none."""
    return await upkeep.stuck(tx, now)
