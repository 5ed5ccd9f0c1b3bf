"""Messages that make no progress: past their deadline, or with no job that would send them."""

from datetime import datetime, timedelta

from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at
from waypost.messages import store_stuck
from waypost.queue import lanes
from waypost.queue.model import Reference

UNTOUCHED_FOR = timedelta(minutes=2)
LOOK_BACK = timedelta(days=31)
MOST = 10_000


async def count(tx: Tx, now: datetime) -> int:
    """How many are stuck; counted up to 10,000 of those that wait."""
    since, untouched_since = first_id_at(now - LOOK_BACK), now - UNTOUCHED_FOR
    waiting = await store_stuck.unfinished(tx, since, untouched_since, MOST)
    overdue = sum(is_overdue for _, _, is_overdue in waiting)
    others = [Reference(account_id, id) for account_id, id, late in waiting if not late]
    return overdue + len(await lanes.without_job(tx, others))
