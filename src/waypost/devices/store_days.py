"""SQL of what devices send on a day."""

from collections.abc import Sequence
from datetime import date

from waypost.kit.db import Tx

# A device that was deleted meanwhile has no days.
ADD = """
insert into device_days as d (device_id, day, sent)
select held.id, $3, more.sent
  from unnest($1::bigint[], $2::integer[]) as more (id, sent)
  join lateral (select id from devices where id = more.id for key share) as held on true
    on conflict (device_id, day) do update set sent = d.sent + excluded.sent
"""

SENT = "select sent from device_days where device_id = $1 and day = $2"

PRUNE = "delete from device_days where day < $1"


async def add(tx: Tx, ids: Sequence[int], sent: Sequence[int], day: date) -> None:
    """Add to what these devices, sorted, sent on the day."""
    await tx.execute(ADD, ids, sent, day)


async def sent(tx: Tx, id: int, day: date) -> int:
    """What the device sent on this day."""
    count: int | None = await tx.fetchval(SENT, id, day)
    return count or 0


async def prune(tx: Tx, before: date) -> None:
    """Forget the days before this one."""
    await tx.execute(PRUNE, before)
