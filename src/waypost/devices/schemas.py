"""What the device routes take and answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from waypost.devices.model import Device, DeviceChange, Kind, NewDevice
from waypost.devices.numbers import Finding
from waypost.kit.asks import BodyId
from waypost.kit.routing import Body, zulu
from waypost.kit.texts import Name, Text

KINDS = ", ".join(Kind)


def _kind(given: object) -> object:
    if given not in list(Kind):
        raise ValueError(f"must be one of: {KINDS}")
    return Kind(str(given))


class SandboxConfig(Body):
    """A simulated device's own pace and delays; what is left out is the server's setting."""

    rate: int | None = Field(None, ge=1, le=100_000, description="Messages per second.")
    delivered_seconds: float | None = Field(None, ge=0, le=3600, allow_inf_nan=False)
    read_seconds: float | None = Field(None, ge=0, le=3600, allow_inf_nan=False)

    def given(self) -> dict[str, object]:
        return self.model_dump(exclude_none=True)


class NewDeviceBody(Body):
    """A device to be made; without a pool it joins the default one."""

    name: Name
    kind: Annotated[Kind, BeforeValidator(_kind)]
    pool_id: BodyId | None = None
    config: SandboxConfig | None = None

    def new(self) -> NewDevice:
        config = {} if self.config is None else self.config.given()
        return NewDevice(self.name, self.kind, self.pool_id, config)


class DeviceChangeBody(Body):
    """What is to be different; a configuration replaces the former one."""

    name: Name | None = None
    pool_id: BodyId | None = None
    config: SandboxConfig | None = None

    def change(self) -> DeviceChange:
        config = None if self.config is None else self.config.given()
        return DeviceChange(self.name, self.pool_id, config)


class CheckBody(Body):
    """Numbers to look up."""

    numbers: list[Text] = Field(min_length=1, max_length=200)


class DeviceAnswer(BaseModel):
    """A device; `reason` says why it is down although it should be up."""

    id: int
    name: str
    kind: Kind
    pool_id: int
    status: Literal["connected", "disconnected", "logged_out"]
    since: str
    is_paused: bool
    reason: str | None
    simulated: bool
    created_at: str
    config: dict[str, object] | None = Field(None, description="For admins only.")


class DevicesAnswer(BaseModel):
    """The devices that the asker may see."""

    devices: list[DeviceAnswer]


class CheckedNumber(BaseModel):
    """One given number: digits only, and what was found; or as it was given, with the error."""

    number: str
    on_whatsapp: bool | None = None
    error: str | None = None


class CheckAnswer(BaseModel):
    """One finding for each given number, in the order given."""

    results: list[CheckedNumber]


def shown(device: Device, to_admin: bool) -> DeviceAnswer:
    """The device as the contract shows it; its configuration only to admins."""
    answer = DeviceAnswer(
        id=device.id,
        name=device.name,
        kind=device.kind,
        pool_id=device.pool_id,
        status=device.state.value,
        since=zulu(device.state_at),
        is_paused=device.is_paused,
        reason=device.state_reason,
        simulated=device.is_simulated,
        created_at=zulu(device.created_at),
    )
    return answer.model_copy(update={"config": dict(device.config)}) if to_admin else answer


def checked(finding: Finding) -> CheckedNumber:
    """A finding as the contract shows it."""
    if finding.on_whatsapp is None:
        return CheckedNumber(number=finding.number, error="is not a possible phone number")
    return CheckedNumber(number=finding.number, on_whatsapp=finding.on_whatsapp)
