"""SQL of devices' sealed secrets."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import asyncpg

from waypost.kit.db import Tx

Sealed = Mapping[str, bytes]
"""Sealed secrets by their names."""

KEEP = """
insert into device_secrets (device_id, name, sealed)
select $1, * from unnest($2::text[], $3::bytea[])
on conflict (device_id, name) do update set sealed = excluded.sealed
"""

OF_DEVICES = """
select device_id, name, sealed from device_secrets
 where device_id = any($1::bigint[]) order by device_id
"""

ALL = "select device_id, name, sealed from device_secrets order by device_id"

OF_NUMBERS = """
select d.id, d.config->>'phone_number_id' as phone_number_id,
       d.config->>'business_account_id' as business_account_id, s.sealed
  from devices d join device_secrets s on s.device_id = d.id and s.name = $1
 where d.kind = 'cloud'
   and (d.config->>'phone_number_id' = any($2::text[])
        or d.config->>'business_account_id' = any($3::text[]))
 order by d.id
"""


async def keep(tx: Tx, device_id: int, sealed: Sealed) -> None:
    """In place of those of the same names."""
    await tx.execute(KEEP, device_id, list(sealed), list(sealed.values()))


async def of_devices(tx: Tx, device_ids: Sequence[int]) -> dict[int, Sealed]:
    """Those of these devices."""
    return dict(_by_device(await tx.fetch(OF_DEVICES, device_ids)))


async def every(tx: Tx) -> dict[int, Sealed]:
    """Those of all devices."""
    return dict(_by_device(await tx.fetch(ALL)))


async def locked(tx: Tx) -> dict[int, Sealed]:
    """Those of all devices; nobody else changes them before the transaction ends."""
    return dict(_by_device(await tx.fetch(f"{ALL} for update")))


async def of_numbers(
    tx: Tx, name: str, phone_number_ids: Sequence[str], business_account_ids: Sequence[str]
) -> list[asyncpg.Record]:
    """The official numbers with one of these ids or of these business accounts, each with its
    secret of this name."""
    return await tx.fetch(OF_NUMBERS, name, phone_number_ids, business_account_ids)


def _by_device(rows: Sequence[asyncpg.Record]) -> Iterator[tuple[int, Sealed]]:
    for device_id, group in groupby(rows, key=lambda row: row["device_id"]):
        yield device_id, {row["name"]: row["sealed"] for row in group}
