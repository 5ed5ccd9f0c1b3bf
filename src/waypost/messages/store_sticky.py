"""SQL of which device wrote to a recipient before."""

from collections.abc import Sequence
from uuid import UUID

from waypost.kit.db import Tx

# What waits has no device yet, and is passed over.
LAST = """
select known.account_id, known.recipient, last.device_id
  from unnest($1::bigint[], $2::text[]) as known (account_id, recipient)
 cross join lateral (
    select device_id from messages
     where account_id = known.account_id and recipient = known.recipient
       and id >= $3 and device_id is not null
     order by number desc limit 1
 ) as last
"""


async def last(
    tx: Tx, account_ids: Sequence[int], recipients: Sequence[str], since: UUID
) -> dict[tuple[int, str], int]:
    """Of each account's recipient the device of the newest message that has one.

    Messages with ids before `since` do not count.
    """
    rows = await tx.fetch(LAST, account_ids, recipients, since)
    return {(row["account_id"], row["recipient"]): row["device_id"] for row in rows}
