"""What the device routes take and answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator

from waypost.devices.config_schemas import (
    TOKEN,
    CloudConfig,
    CloudConfigChange,
    ConfigBody,
    SandboxConfig,
    read_change,
    read_new,
)
from waypost.devices.model import Device, DeviceChange, Kind, NewDevice
from waypost.devices.numbers import Finding
from waypost.devices.pacing import given_by
from waypost.devices.pacing_schemas import PacingBody
from waypost.kit.asks import BodyId
from waypost.kit.routing import Body, zulu
from waypost.kit.texts import Name, Text

KINDS = ", ".join(Kind)


def _kind(given: object) -> object:
    if given not in list(Kind):
        raise ValueError(f"must be one of: {KINDS}")
    return Kind(str(given))


class NewDeviceBody(Body):
    """A device to be made; without a pool it joins the default one."""

    name: Name
    kind: Annotated[Kind, BeforeValidator(_kind)]
    pool_id: BodyId | None = None
    config: SandboxConfig | CloudConfig | None = Field(None, validate_default=True)
    pacing: PacingBody | None = None

    @field_validator("config", mode="before")
    @classmethod
    def _of_its_kind(cls, given: object, info: ValidationInfo) -> ConfigBody | None:
        kind = info.data.get("kind")
        return None if kind is None else read_new(kind, given)

    def new(self) -> NewDevice:
        config, pacing = _given(self.config) or {}, _given(self.pacing) or {}
        return NewDevice(self.name, self.kind, self.pool_id, config, pacing)

    def secrets(self) -> dict[str, str]:
        return _secrets(self.config)


class DeviceChangeBody(Body):
    """What is to be different; a configuration or a pacing replaces the former one.

    Secrets that a configuration leaves out stay as they are; but what else it says of an official
    number changes with its access token only.
    """

    name: Name | None = None
    pool_id: BodyId | None = None
    config: SandboxConfig | CloudConfigChange | None = None
    pacing: PacingBody | None = None

    @field_validator("config", mode="before")
    @classmethod
    def _of_a_kind(cls, given: object) -> ConfigBody | None:
        return read_change(given)

    def change(self) -> DeviceChange:
        kind = None if self.config is None else self.config.kind
        config, pacing = _given(self.config), _given(self.pacing)
        brings_token = TOKEN in self.secrets()
        return DeviceChange(self.name, self.pool_id, config, pacing, kind, brings_token)

    def secrets(self) -> dict[str, str]:
        return _secrets(self.config)


class CheckBody(Body):
    """Numbers to look up."""

    numbers: list[Text] = Field(min_length=1, max_length=200)


class DeviceAnswer(BaseModel):
    """A device; `reason` says why it is down although it should be up.

    `pacing` are the bounds that it keeps, its kind's defaults included; until `rests_until` its
    quiet hours, or the cap of its day, keep it from sending. `number` is what the provider says of
    an official number, `at` a time.
    """

    id: int
    name: str
    kind: Kind
    pool_id: int
    status: Literal["connected", "disconnected", "logged_out"]
    since: str
    is_paused: bool
    reason: str | None
    simulated: bool
    pacing: dict[str, object]
    rests_until: str | None
    number: dict[str, object] | None
    created_at: str
    config: dict[str, object] | None = Field(
        None, description="For admins only; secrets are left out."
    )


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
        pacing=given_by(device.pacing),
        rests_until=None if device.rests_until is None else zulu(device.rests_until),
        number=_number(device),
        created_at=zulu(device.created_at),
    )
    return answer.model_copy(update={"config": dict(device.config)}) if to_admin else answer


def _number(device: Device) -> dict[str, object] | None:
    if device.number_facts is None or device.number_at is None:
        return None
    return {**device.number_facts, "at": zulu(device.number_at)}


def _given(body: ConfigBody | PacingBody | None) -> dict[str, object] | None:
    return None if body is None else body.given()


def _secrets(config: ConfigBody | None) -> dict[str, str]:
    return {} if config is None else config.secrets()


def checked(finding: Finding) -> CheckedNumber:
    """A finding as the contract shows it."""
    if finding.on_whatsapp is None:
        return CheckedNumber(number=finding.number, error="is not a possible phone number")
    return CheckedNumber(number=finding.number, on_whatsapp=finding.on_whatsapp)
