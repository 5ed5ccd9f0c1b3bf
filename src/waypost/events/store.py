"""SQL of the facts."""

import json
from collections.abc import Collection, Sequence
from uuid import UUID

from waypost.events.model import Event, Type
from waypost.kit.db import Tx
from waypost.kit.months import Month, aside_sql, partition_sql, shut_sql

APPEND = """
insert into message_events (account_id, message_id, number, type, at, detail)
select * from unnest($1::bigint[], $2::uuid[], $3::integer[], $4::text[], $5::timestamptz[],
                     $6::jsonb[])
"""

OF_MESSAGE = """
select account_id, message_id, number, type, at, detail from message_events
 where account_id = $1 and message_id = $2 order by number
"""

TAKE_BACK = """
insert into message_events
select old.* from unnest($1::bigint[], $2::uuid[]) as kept (account_id, id)
  join message_events_old old on old.account_id = kept.account_id and old.message_id = kept.id
"""

DROP_OLD = "drop table message_events_old"


async def append(tx: Tx, events: Sequence[Event]) -> None:
    """Add facts, in one statement."""
    await tx.execute(
        APPEND,
        [e.account_id for e in events],
        [e.message_id for e in events],
        [e.number for e in events],
        [e.type for e in events],
        [e.at for e in events],
        [None if e.detail is None else json.dumps(e.detail) for e in events],
    )


async def of_message(tx: Tx, account_id: int, message_id: UUID) -> list[Event]:
    """A message's facts in order."""
    rows = await tx.fetch(OF_MESSAGE, account_id, message_id)
    return [
        Event(
            row["account_id"],
            row["message_id"],
            row["number"],
            Type(row["type"]),
            row["at"],
            None if row["detail"] is None else json.loads(row["detail"]),
        )
        for row in rows
    ]


async def make_partition(tx: Tx, month: Month) -> None:
    """Make room for a month."""
    await tx.execute(partition_sql("message_events", month))


async def shut(tx: Tx) -> None:
    """Keep everybody else out of the facts until the transaction ends."""
    await tx.execute(shut_sql("message_events"))


async def replace_partition(tx: Tx, month: Month, kept: Collection[tuple[int, UUID]]) -> None:
    """Drop a month's facts, but for those of the messages that are kept."""
    await tx.execute(aside_sql("message_events", month))
    if kept:
        await make_partition(tx, month)
        await tx.execute(TAKE_BACK, [account for account, _ in kept], [id for _, id in kept])
    await tx.execute(DROP_OLD)
