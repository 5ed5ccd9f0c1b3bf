"""SQL that looks at whole lanes, for operators."""

from waypost.kit.db import Tx
from waypost.queue.model import Lane

# Two looks, because each status has an index of its own.
IS_USED = """
select exists (select from pgqueuer where entrypoint = $1 and status = 'queued')
    or exists (select from pgqueuer where entrypoint = $1 and status = 'picked')
"""


async def is_used(tx: Tx, lane: Lane) -> bool:
    """Whether any job of the lane waits or is claimed."""
    used: bool = await tx.fetchval(IS_USED, lane)
    return used
