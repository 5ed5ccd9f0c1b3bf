"""What housekeeping does with the queue."""

from datetime import datetime, timedelta

from waypost.kit.db import Tx
from waypost.queue import store, store_upkeep
from waypost.queue.model import Job, Lane, Reference

SILENCE = timedelta(minutes=1)
"""A claimed job whose owner is silent for so long should have been taken over."""


async def head(tx: Tx, lane: Lane, most: int) -> list[Job]:
    """The lane's next jobs, not claimed: others may take them meanwhile."""
    rows = await store_upkeep.head(tx, lane, most)
    return [Job(row["id"], lane, Reference.unpack(row["payload"])) for row in rows]


async def stuck(tx: Tx, now: datetime) -> int:
    """How many jobs are claimed by a worker that died, and taken over by none."""
    return await store_upkeep.stuck(tx, now - SILENCE)


async def prune(tx: Tx) -> None:
    """Empty PgQueuer's own log: our events are the log."""
    await store.prune_log(tx)
