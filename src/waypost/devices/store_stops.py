"""SQL of what the provider has stopped."""

from collections.abc import Sequence
from datetime import datetime

from waypost.drivers.news import Stop
from waypost.kit.db import Tx

# In one order everywhere, as others may tell of the same at once. The device comes first, as for
# who deletes it: an update of its stop would wait for nobody, but an insert for the deletion.
NOTE = """
insert into device_stops as s (device_id, level, template, language, code, reason, at, until)
select told.*
  from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
              $7::timestamptz[], $8::timestamptz[])
    as told (device_id, level, template, language, code, reason, at, until)
  join devices d on d.id = told.device_id
 order by told.device_id, told.level, told.template, told.language
   for key share of d
    on conflict (device_id, level, template, language) do update
   set code = excluded.code, reason = excluded.reason, at = excluded.at, until = excluded.until
 where s.until < excluded.until
"""

OF_DEVICES = """
select device_id, at, until, level, code, reason, template, language from device_stops
 where device_id = any($1::bigint[]) and until > $2
 order by device_id, level, template, language
"""

LIFT = "delete from device_stops where device_id = $1"

PRUNE = """
delete from device_stops where ctid = any(array(
    select ctid from device_stops where until < $1 limit $2))
"""


async def note(tx: Tx, stops: Sequence[Stop]) -> None:
    """Keep these, each in place of one of the same thing that ends earlier."""
    names = [stop.template or ("", "") for stop in stops]
    await tx.execute(
        NOTE,
        [stop.device_id for stop in stops],
        [stop.level for stop in stops],
        [name for name, _ in names],
        [language for _, language in names],
        [stop.code for stop in stops],
        [stop.reason for stop in stops],
        [stop.at for stop in stops],
        [stop.until for stop in stops],
    )


async def of_devices(tx: Tx, device_ids: Sequence[int], now: datetime) -> dict[int, list[Stop]]:
    """Those of these devices that are not over."""
    found: dict[int, list[Stop]] = {}
    for row in await tx.fetch(OF_DEVICES, device_ids, now):
        told = dict(row)
        name, language = told.pop("template"), told.pop("language")
        stop = Stop(**told, template=(name, language) if name else None)
        found.setdefault(stop.device_id, []).append(stop)
    return found


async def lift(tx: Tx, device_id: int) -> None:
    """Nothing of it is stopped any more."""
    await tx.execute(LIFT, device_id)


async def prune(tx: Tx, before: datetime, most: int) -> int:
    """Forget up to so many that were over before; returns how many."""
    gone: str = await tx.execute(PRUNE, before, most)
    return int(gone.removeprefix("DELETE "))
