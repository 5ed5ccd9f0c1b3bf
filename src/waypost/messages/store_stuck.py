"""SQL of looking for messages that do not move. It reads a month of them: for `doctor` only."""

from datetime import datetime
from uuid import UUID

from waypost.kit.db import Tx
from waypost.messages.model import Status

UNFINISHED = """
select account_id, id, expires_at < $3 as is_overdue from messages
 where id >= $1 and status = any($2::text[]) and updated_at < $3 order by id limit $4
"""


async def unfinished(
    tx: Tx, since: UUID, untouched_since: datetime, most: int
) -> list[tuple[int, UUID, bool]]:
    """Messages still to be sent that nothing touched lately: (account, id, past its deadline)."""
    waiting = [Status.QUEUED, Status.SENDING]
    rows = await tx.fetch(UNFINISHED, since, waiting, untouched_since, most)
    return [(row["account_id"], row["id"], row["is_overdue"]) for row in rows]
