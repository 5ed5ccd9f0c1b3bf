"""Room for the months to come."""

from datetime import datetime

from waypost.events import log as facts
from waypost.kit.db import Tx
from waypost.kit.months import months_from
from waypost.messages import store_accept, store_partitions
from waypost.messages.model import ID_SLACK


async def ensure(tx: Tx, now: datetime) -> None:
    """Make the partitions of messages and facts for this month and the next ones.

    Shortly after a month began, ids of the last one may still come, from a slower clock.
    """
    await store_partitions.begin(tx)
    for month in months_from(now - ID_SLACK):
        await store_accept.make_partition(tx, month)
        await facts.make_partition(tx, month)
