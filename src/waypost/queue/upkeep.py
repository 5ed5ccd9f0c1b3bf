"""What housekeeping, and who takes a pool over, do with the queue."""

from datetime import datetime, timedelta

from waypost.kit.db import Tx
from waypost.queue import store, store_upkeep
from waypost.queue.model import Job, Lane, Reference

SILENCE = timedelta(minutes=1)
"""A claimed job whose owner is silent for so long should have been taken over."""

STRAYS_AT_ONCE = 10_000


async def reclaim(tx: Tx, lane: Lane) -> None:
    """Give back all that is claimed of the lane, whoever holds it: its worker is another now."""
    await store.reclaim(tx, lane)


async def head(tx: Tx, lane: Lane, most: int) -> list[Job]:
    """The lane's next jobs, not claimed: others may take them meanwhile."""
    rows = await store_upkeep.head(tx, lane, most)
    return [Job(row["id"], lane, Reference.unpack(row["payload"])) for row in rows]


async def stuck(tx: Tx, now: datetime) -> int:
    """How many jobs are claimed by a worker that died, and taken over by none."""
    return await store_upkeep.stuck(tx, now - SILENCE)


async def heal(tx: Tx) -> int:
    """Put what is parked behind nothing into its lane; says how many chains were so.

    None ever should be.
    """
    strays = await store_upkeep.strays(tx, STRAYS_AT_ONCE)
    if strays:
        await store.promote(tx, strays)
    return len(strays)


async def rebase(tx: Tx) -> list[Lane]:
    """Raise the priorities of lanes whose time has gone far, so that they never run out.

    The whole queue stands still meanwhile; says which lanes.
    """
    lanes = await store_upkeep.advanced(tx)
    if lanes:
        await store_upkeep.hold_all(tx)
        await store_upkeep.raise_priorities(tx, lanes)
    return lanes


async def forget_idle(tx: Tx) -> None:
    """Drop the clocks of flows with nothing in the queue: what was withdrawn costs no more."""
    await store_upkeep.forget(tx)


async def prune(tx: Tx) -> None:
    """Empty PgQueuer's own log: our events are the log."""
    await store_upkeep.prune_log(tx)
