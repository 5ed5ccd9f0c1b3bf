"""SQL that counts the messages of all accounts."""

from datetime import datetime
from uuid import UUID

from waypost.admin.stats_model import Hour
from waypost.kit.db import Tx

# The bound on ids keeps to the partitions, and by the block range index to the blocks, of the
# time that is asked for. What was read was delivered, also where the receipts came short.
HOURS = """
select date_trunc('hour', created_at, 'UTC') as at,
       count(*) as accepted,
       count(*) filter (where status = 'Scheduled') as scheduled,
       count(*) filter (where status = 'Queued') as queued,
       count(coalesce(sent_at, delivered_at, read_at)) as sent,
       count(coalesce(delivered_at, read_at)) as delivered,
       count(read_at) as read,
       count(*) filter (where status = 'Uncertain') as uncertain,
       count(*) filter (where status = 'Failed') as failed,
       count(*) filter (where status = 'Expired') as expired,
       count(*) filter (where status = 'Cancelled') as cancelled
  from messages where id >= $1 group by 1
"""


async def hours(tx: Tx, first: UUID) -> dict[datetime, Hour]:
    """The hours in which the messages from this id on were accepted."""
    return {row["at"]: Hour(**row) for row in await tx.fetch(HOURS, first)}
