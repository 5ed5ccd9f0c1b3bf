"""SQL of the audit log, and of balances beside accounts."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from waypost.admin.model import Deed
from waypost.kit.db import Tx

RECORD = """
insert into audit (at, actor_id, action, target, detail) values ($1, $2, $3, $4, $5)
"""

DEEDS = """
select id, at, actor_id, action, target, detail from audit
 where id < $1 order by id desc limit $2
"""

BALANCES = "select account_id, credits from wallets where account_id = any($1::bigint[])"


async def record(
    tx: Tx,
    at: datetime,
    actor_id: int | None,
    action: str,
    target: str,
    detail: Mapping[str, object],
) -> None:
    """Add an entry."""
    await tx.execute(RECORD, at, actor_id, action, target, json.dumps(dict(detail)))


async def deeds(tx: Tx, before: int, most: int) -> list[Deed]:
    """Entries, newest first."""
    rows = await tx.fetch(DEEDS, before, most)
    return [Deed(**{**row, "detail": json.loads(row["detail"])}) for row in rows]


async def balances(tx: Tx, account_ids: Sequence[int]) -> dict[int, int]:
    """What each of these accounts has."""
    rows = await tx.fetch(BALANCES, account_ids)
    return {row["account_id"]: row["credits"] for row in rows}
