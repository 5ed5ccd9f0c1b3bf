"""Devices as they are."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from waypost.devices import leases, store
from waypost.devices.errors import NoSuchDevice
from waypost.devices.model import Device, State
from waypost.kit.db import Tx

NOT_CARRIED = "No worker runs its pool."


async def device(tx: Tx, id: int, pool_id: int | None) -> Device:
    """One device; only of the given pool, where one is given."""
    found = await store.get(tx, id, pool_id)
    if found is None:
        raise NoSuchDevice
    return (await _as_carried(tx, [found]))[0]


async def devices(tx: Tx, pool_id: int | None) -> list[Device]:
    """The devices of the given pool, or all of them, in the order they were made."""
    return await _as_carried(tx, await store.listed(tx, pool_id))


async def present(tx: Tx, wanted: Collection[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (pool, device) pairs there are, in one statement."""
    return await store.present(tx, sorted(wanted))


async def _as_carried(tx: Tx, found: Sequence[Device]) -> list[Device]:
    """Whatever the rows still say, without a worker that carries its pool no device is up."""
    ended = await leases.ended(tx, {each.pool_id for each in found})
    return [
        _down(each, ended[each.pool_id]) if each.is_wanted and each.pool_id in ended else each
        for each in found
    ]


def _down(device: Device, since: datetime) -> Device:
    at = max(device.state_at, since)
    return replace(device, state=State.DISCONNECTED, state_reason=NOT_CARRIED, state_at=at)
