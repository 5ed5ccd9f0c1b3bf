"""Routes by which admins manage devices (reading them is in `devices`)."""

from collections.abc import Mapping

from waypost.accounts.guard import Admin
from waypost.accounts.model import Principal
from waypost.admin import audit
from waypost.devices import manage, vault
from waypost.devices.model import Device
from waypost.devices.schemas import DeviceAnswer, DeviceChangeBody, NewDeviceBody, shown
from waypost.kit.answers import Said
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.kit.routing import Db, Id, Seal, Time, contract_router

router = contract_router("/api/devices", "Devices")


@router.post("", status_code=201)
async def create_device(
    me: Admin, db: Db, time: Time, seal: Seal, body: NewDeviceBody
) -> DeviceAnswer:
    """Make a device; it is connected at once. Its secrets are kept, and never shown."""
    async with db.tx() as tx:
        device = await manage.create(tx, body.new(), time.now())
        await vault.keep(tx, seal, device.id, body.secrets())
        return await _done(tx, time, me, "created", device, _asked(body))


@router.patch("/{id}")
async def change_device(
    me: Admin, db: Db, time: Time, seal: Seal, id: Id, body: DeviceChangeBody
) -> DeviceAnswer:
    """Rename a device, move it to another pool, replace its configuration, secrets or pacing."""
    async with db.tx() as tx:
        device = await manage.change(tx, id, body.change())
        await vault.keep(tx, seal, id, body.secrets())
        return await _done(tx, time, me, "changed", device, _asked(body))


@router.delete("/{id}")
async def delete_device(me: Admin, db: Db, time: Time, id: Id) -> Said:
    """Remove a device; what is queued goes by the pool's other devices, history stays."""
    async with db.tx() as tx:
        device = await manage.delete(tx, id)
        await _done(tx, time, me, "deleted", device, {"name": device.name})
    return Said(message="Device deleted successfully")


@router.post("/{id}/connect")
async def connect_device(me: Admin, db: Db, time: Time, id: Id) -> DeviceAnswer:
    """Bring a device up."""
    async with db.tx() as tx:
        device = await manage.connect(tx, id, time.now())
        return await _done(tx, time, me, "connected", device)


@router.post("/{id}/disconnect")
async def disconnect_device(me: Admin, db: Db, time: Time, id: Id) -> DeviceAnswer:
    """Take a device down until somebody connects it."""
    async with db.tx() as tx:
        device = await manage.disconnect(tx, id, time.now())
        return await _done(tx, time, me, "disconnected", device)


@router.post("/{id}/logout")
async def log_device_out(me: Admin, db: Db, time: Time, id: Id) -> DeviceAnswer:
    """End a device's session with WhatsApp."""
    async with db.tx() as tx:
        device = await manage.logout(tx, id, time.now())
        return await _done(tx, time, me, "logged_out", device)


@router.post("/{id}/pause")
async def pause_device(me: Admin, db: Db, time: Time, id: Id) -> DeviceAnswer:
    """Hand a device no more messages; it stays connected."""
    async with db.tx() as tx:
        device = await manage.pause(tx, id)
        return await _done(tx, time, me, "paused", device)


@router.post("/{id}/resume")
async def resume_device(me: Admin, db: Db, time: Time, id: Id) -> DeviceAnswer:
    """Hand a device messages again."""
    async with db.tx() as tx:
        device = await manage.resume(tx, id)
        return await _done(tx, time, me, "resumed", device)


def _asked(body: NewDeviceBody | DeviceChangeBody) -> dict[str, object]:
    """As the audit log keeps it: of secrets only that they were given."""
    return body.model_dump(mode="json", exclude_none=True, by_alias=True)


async def _done(
    tx: Tx,
    time: Clock,
    who: Principal,
    what: str,
    device: Device,
    detail: Mapping[str, object] | None = None,
) -> DeviceAnswer:
    target = f"device:{device.id}"
    await audit.record(tx, time.now(), who.account_id, f"device.{what}", target, detail or {})
    return shown(device, to_admin=True)
