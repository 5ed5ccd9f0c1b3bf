"""SQL of files that are still to be fetched."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from waypost.drivers.news import InboundMedia
from waypost.kit.db import Tx
from waypost.messages.wanted import Wanted

DUE = """
select i.id, f.device_id, i.account_id, i.media, f.attempts
  from unnest($1::bigint[]) as device (id)
 cross join lateral (
    select inbound_id, device_id, attempts, due_at from media_fetches
     where device_id = device.id and due_at <= $2 and not inbound_id = any($3)
     order by due_at limit $4
 ) as f
  join inbound i on i.id = f.inbound_id
 order by f.due_at limit $4
"""

KEPT = """
with over as (delete from media_fetches where inbound_id = $1)
update inbound set media_id = $2, media_trouble = null where id = $1
"""

LOST = """
with over as (delete from media_fetches where inbound_id = $1)
update inbound set media_trouble = $2 where id = $1 and media_id is null
"""

PUT_OFF = """
update media_fetches set due_at = $2, attempts = attempts + 1, trouble = $3 where inbound_id = $1
"""

GIVE_UP = """
with old as (
    select f.inbound_id, f.trouble from media_fetches f join inbound i on i.id = f.inbound_id
     where i.received_at < $1 limit $3 for update of f skip locked
), over as (
    delete from media_fetches f using old where f.inbound_id = old.inbound_id
)
update inbound set media_trouble = concat_ws(' ', $2::text, old.trouble)
  from old where id = old.inbound_id
"""

_reader = msgspec.json.Decoder(InboundMedia)


async def due(
    tx: Tx, device_ids: Sequence[int], now: datetime, without: Sequence[UUID], most: int
) -> list[Wanted]:
    """Files that these devices are to fetch now, those that wait longest first."""
    rows = await tx.fetch(DUE, device_ids, now, without, most)
    return [
        Wanted(id, device_id, account_id, _reader.decode(media), attempts)
        for id, device_id, account_id, media, attempts in rows
    ]


async def kept(tx: Tx, inbound_id: UUID, media_id: UUID) -> None:
    """The file is kept under this id."""
    await tx.execute(KEPT, inbound_id, media_id)


async def lost(tx: Tx, inbound_id: UUID, trouble: str) -> None:
    """The file will not be here."""
    await tx.execute(LOST, inbound_id, trouble)


async def put_off(tx: Tx, inbound_id: UUID, until: datetime, trouble: str) -> None:
    """One more attempt has failed."""
    await tx.execute(PUT_OFF, inbound_id, until, trouble)


async def give_up(tx: Tx, before: datetime, trouble: str, most: int) -> int:
    """End up to so many of what came before that time; returns how many.

    Each keeps `trouble`, and after it its own last one.
    """
    status = await tx.execute(GIVE_UP, before, trouble, most)
    return int(status.rpartition(" ")[2])
