"""Make, change and remove devices; say in which state they are wanted."""

from datetime import datetime

from waypost.devices import stops, store
from waypost.devices.errors import NoSuchDevice, NothingToWarmUpTo, OtherKind, TokenStays
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice, State
from waypost.kit.db import Tx


async def create(tx: Tx, new: NewDevice, at: datetime) -> Device:
    """Make a device; it is to be connected at once."""
    return _paced(await store.insert(tx, new, at))


async def change(tx: Tx, id: int, to: DeviceChange) -> Device:
    """Change its name, pool, configuration or pacing. With another configuration or token it tries
    anew, whatever the provider stopped."""
    former = _found(await store.locked(tx, id))
    if to.kind not in (None, former.kind):
        raise OtherKind.named(former.kind)
    if former.kind is Kind.CLOUD and to.config not in (None, former.config) and not to.brings_token:
        raise TokenStays.named()
    if to.config is not None or to.brings_token:
        await stops.lift(tx, id)
    return _paced(_found(await store.change(tx, id, to)))


async def delete(tx: Tx, id: int) -> Device:
    """Remove it. What is queued is its pool's and stays; the history of what it sent stays too."""
    return _found(await store.delete(tx, id))


async def pause(tx: Tx, id: int) -> Device:
    """Hand it no more messages; it stays connected."""
    return _found(await store.set_paused(tx, id, True))


async def resume(tx: Tx, id: int) -> Device:
    """Hand it messages again."""
    return _found(await store.set_paused(tx, id, False))


async def connect(tx: Tx, id: int, at: datetime) -> Device:
    """Bring it up, whatever the provider stopped."""
    device = _found(await store.set_state(tx, id, State.CONNECTED, at))
    await stops.lift(tx, id)
    return device


async def disconnect(tx: Tx, id: int, at: datetime) -> Device:
    """Take it down until somebody connects it."""
    return _found(await store.set_state(tx, id, State.DISCONNECTED, at))


async def logout(tx: Tx, id: int, at: datetime) -> Device:
    """End its session with WhatsApp; a simulated device has none and can just connect again."""
    return _found(await store.set_state(tx, id, State.LOGGED_OUT, at))


def _paced(device: Device) -> Device:
    if device.pacing.warms_up_to_nothing:
        raise NothingToWarmUpTo.named()
    return device


def _found(device: Device | None) -> Device:
    if device is None:
        raise NoSuchDevice
    return device
