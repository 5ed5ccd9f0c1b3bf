"""Devices, the pools that share a queue, and their states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from waypost.devices.pacing import Pacing, Profile, pacing_of
from waypost.drivers.news import Stop


class Kind(StrEnum):
    """What carries a device's messages."""

    SANDBOX = "sandbox"
    CLOUD = "cloud"


class State(StrEnum):
    """Where a device stands."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"


Config = Mapping[str, object]
"""What a device sets for itself, by its kind, its secrets left out.

A sandbox: `rate` (messages per second), `delivered_seconds` and `read_seconds`, where what it
leaves out is the server's setting, `like` (the profile whose pacing it has) and `deduplicates`
(whether its network drops repeats). An official number: `phone_number_id`, `business_account_id`
and `graph_url` (where it is not the server's setting)."""


@dataclass(frozen=True, slots=True)
class Device:
    """A WhatsApp sender. `state_reason` says why it is down although it should be up.

    `rests_until` is the end of its quiet hours, or of a day whose cap is reached, as its worker
    notes it; `own_pacing` is what the device sets of its pacing. `number_facts` is what the
    provider said of its number. `sealed` are its secrets, and `stops` what the provider has stopped
    of it: both are there only for those who run its driver.
    """

    id: int
    pool_id: int
    name: str
    kind: Kind
    state: State
    state_reason: str | None
    state_at: datetime
    is_paused: bool
    config: Config
    own_pacing: Mapping[str, object]
    rests_until: datetime | None
    created_at: datetime
    number_facts: Mapping[str, object] | None = None
    number_at: datetime | None = None
    sealed: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    stops: Sequence[Stop] = ()

    @property
    def pacing(self) -> Pacing:
        """How fast it may write."""
        return pacing_of(Profile(str(self.config.get("like", self.kind))), self.own_pacing)

    @property
    def is_wanted(self) -> bool:
        """Whether it should be up: nobody disconnected it, nobody logged it out."""
        dropped = self.state is State.DISCONNECTED and self.state_reason is not None
        return self.state is State.CONNECTED or dropped

    @property
    def is_simulated(self) -> bool:
        return self.kind is Kind.SANDBOX


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device to be made; without a pool it joins the default one."""

    name: str
    kind: Kind
    pool_id: int | None = None
    config: Config = field(default_factory=dict)
    pacing: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """What is to be different; None leaves it. `kind` is the one that the configuration fits;
    `brings_token`: an official number's access token comes with it."""

    name: str | None = None
    pool_id: int | None = None
    config: Config | None = None
    pacing: Mapping[str, object] | None = None
    kind: Kind | None = None
    brings_token: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """A set of devices that share a queue."""

    id: int
    name: str
    is_default: bool
    created_at: datetime


Counts = tuple[int, int]
"""A pool's devices: those that can send now (connected, neither paused nor at rest), and all."""
