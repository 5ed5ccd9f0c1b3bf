"""Devices as those who run their drivers see them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from waypost.devices import stops, store, vault
from waypost.devices.model import Device, State
from waypost.kit.db import Tx


async def load(tx: Tx, pool_ids: Iterable[int], now: datetime) -> list[Device]:
    """The devices of these pools, with what is stopped of them now and with their sealed secrets.

    These are read last: a change of both that comes in between must not pair a token that was
    replaced with the address that came with the new one.
    """
    found = await store.of_pools(tx, list(pool_ids))
    real = [each.id for each in found if not each.is_simulated]
    stopped = await stops.of_devices(tx, real, now)
    sealed = await vault.sealed_of(tx, real)
    return [
        replace(each, sealed=sealed.get(each.id, {}), stops=stopped.get(each.id, ()))
        for each in found
    ]


async def connected(tx: Tx, device_id: int, at: datetime) -> None:
    """Its driver has a connection; nothing is noted where it was taken down meanwhile."""
    await store.note_state(tx, device_id, State.CONNECTED, None, at)


async def rests(tx: Tx, device_id: int, until: datetime | None) -> None:
    """Its quiet hours, or the cap of its day, keep it from sending until then; None: nothing."""
    await store.note_rest(tx, device_id, until)


async def dropped(tx: Tx, device_id: int, reason: str, at: datetime) -> None:
    """Its driver lost the connection and tries again; not noted where it was taken down."""
    await store.note_state(tx, device_id, State.DISCONNECTED, reason, at)
