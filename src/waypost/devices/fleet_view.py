"""Devices as those who run their drivers see them."""

from datetime import datetime

from waypost.devices import store, store_pools
from waypost.devices.model import Device, State
from waypost.kit.db import Tx


async def load(tx: Tx) -> list[Device]:
    """Every device."""
    return await store.listed(tx, None)


async def pool_ids(tx: Tx) -> list[int]:
    """Every pool, those without devices too."""
    return [pool.id for pool in await store_pools.listed(tx)]


async def connected(tx: Tx, device_id: int, at: datetime) -> None:
    """Its driver has a connection; nothing is noted where it was taken down meanwhile."""
    await store.note_state(tx, device_id, State.CONNECTED, None, at)


async def dropped(tx: Tx, device_id: int, reason: str, at: datetime) -> None:
    """Its driver lost the connection and tries again; not noted where it was taken down."""
    await store.note_state(tx, device_id, State.DISCONNECTED, reason, at)
