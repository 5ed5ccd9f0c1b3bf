"""Devices as they are."""

from waypost.devices import store
from waypost.devices.errors import NoSuchDevice
from waypost.devices.model import Device
from waypost.kit.db import Tx


async def device(tx: Tx, id: int, pool_id: int | None) -> Device:
    """One device; only of the given pool, where one is given."""
    found = await store.get(tx, id, pool_id)
    if found is None:
        raise NoSuchDevice
    return found


async def devices(tx: Tx, pool_id: int | None) -> list[Device]:
    """The devices of the given pool, or all of them, in the order they were made."""
    return await store.listed(tx, pool_id)
