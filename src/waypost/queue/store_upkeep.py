"""SQL that looks at jobs without claiming them."""

from datetime import datetime

import asyncpg

from waypost.kit.db import Tx
from waypost.queue.model import Lane

HEAD = """
select id, payload from pgqueuer
 where entrypoint = $1 and status = 'queued' order by priority desc, id limit $2
"""

STUCK = "select count(*) from pgqueuer where status = 'picked' and heartbeat < $1"


async def head(tx: Tx, lane: Lane, most: int) -> list[asyncpg.Record]:
    """The lane's next jobs."""
    return await tx.fetch(HEAD, lane, most)


async def stuck(tx: Tx, before: datetime) -> int:
    """How many claimed jobs have an owner that has been silent since."""
    count: int = await tx.fetchval(STUCK, before)
    return count
