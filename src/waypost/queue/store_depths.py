"""SQL that counts what waits: jobs, and what is parked behind them."""

from datetime import datetime

from waypost.kit.db import Tx
from waypost.queue.model import Lane, keys_of

OF_LANE = """
select (select count(*) from (
            select from pgqueuer where entrypoint = $1 and status = 'queued' limit $2) as jobs)
     + (select count(*) from (select from parked_jobs where lane = $1 limit $2) as parked)
"""

OF_ACCOUNT = """
select (select count(*) from (
            select from pgqueuer
             where dedupe_key between $1 and $2 and status in ('queued', 'picked')
             limit $3) as jobs)
     + (select count(*) from (
            select from parked_jobs where chain between $1 and $2 limit $3) as parked)
"""

OLDEST = """
select execute_after from pgqueuer
 where entrypoint = $1 and status = 'queued' order by execute_after limit 1
"""

# Two looks at jobs, because each status has an index of its own.
IS_USED = """
select exists (select from pgqueuer where entrypoint = $1 and status = 'queued')
    or exists (select from pgqueuer where entrypoint = $1 and status = 'picked')
    or exists (select from parked_jobs where lane = $1)
"""


async def of_lane(tx: Tx, lane: Lane, most: int) -> int:
    """How much waits in the lane, counted up to `most`."""
    count: int = await tx.fetchval(OF_LANE, lane, most)
    return min(count, most)


async def of_account(tx: Tx, account_id: int, most: int) -> int:
    """How much of the account waits or is claimed, counted up to `most`."""
    count: int = await tx.fetchval(OF_ACCOUNT, *keys_of(account_id), most)
    return min(count, most)


async def oldest(tx: Tx, lane: Lane) -> datetime | None:
    """Since when the lane's longest-waiting job has been due."""
    due: datetime | None = await tx.fetchval(OLDEST, lane)
    return due


async def is_used(tx: Tx, lane: Lane) -> bool:
    """Whether anything of the lane waits or is claimed."""
    used: bool = await tx.fetchval(IS_USED, lane)
    return used
