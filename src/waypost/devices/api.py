"""Routes that show devices and look numbers up; admins' own routes stand in `admin`."""

from waypost.accounts.guard import Member
from waypost.accounts.model import Principal
from waypost.devices import find, numbers
from waypost.devices.schemas import (
    CheckAnswer,
    CheckBody,
    DeviceAnswer,
    DevicesAnswer,
    checked,
    shown,
)
from waypost.kit.routing import Db, Id, contract_router

router = contract_router("/api/devices", "Devices")


@router.get("", response_model_exclude_unset=True)
async def list_devices(me: Member, db: Db) -> DevicesAnswer:
    """Your pool's devices; an admin sees all."""
    async with db.read() as tx:
        devices = await find.devices(tx, _horizon(me))
    return DevicesAnswer(devices=[shown(each, me.is_admin) for each in devices])


@router.get("/{id}", response_model_exclude_unset=True)
async def get_device(me: Member, db: Db, id: Id) -> DeviceAnswer:
    """One device of your pool; an admin sees any."""
    async with db.read() as tx:
        return shown(await find.device(tx, id, _horizon(me)), me.is_admin)


@router.post("/check-numbers", response_model_exclude_unset=True)
async def check_numbers(me: Member, db: Db, body: CheckBody) -> CheckAnswer:
    """Which of up to 200 numbers are on WhatsApp, as your pool's devices see it."""
    async with db.read() as tx:
        await numbers.require_device(tx, me.pool_id)
    return CheckAnswer(results=[checked(numbers.look_up(each)) for each in body.numbers])


def _horizon(me: Principal) -> int | None:
    """The only pool that the asker may see; None for all."""
    return None if me.is_admin else me.pool_id
