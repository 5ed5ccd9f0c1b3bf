"""Give an alarm to every message that still waits: it expires in time wherever it stands."""

from datetime import datetime, timedelta

from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at
from waypost.messages import store_alarms as store
from waypost.messages import store_progress

AGE = timedelta(minutes=2)
"""Ids are made before their messages are committed: of what is younger, some may be to come."""

AT_ONCE = 5000


async def watch(tx: Tx, now: datetime, most: int = AT_ONCE) -> bool:
    """Walk on over the ids of all messages; says whether there are more. One worker does it."""
    await store_progress.plan_anew(tx)
    reached, end = await store.reached(tx), first_id_at(now - AGE)
    if reached is None or end <= reached:
        return False
    passed, last = await store.walk(tx, reached, end, most)
    is_more = passed == most
    await store.reach(tx, last if last is not None and is_more else end)
    return is_more
