"""Devices, the pools that share a queue, and their states."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What carries a device's messages."""

    SANDBOX = "sandbox"


class State(StrEnum):
    """Where a device stands."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LOGGED_OUT = "logged_out"


Config = Mapping[str, object]
"""What a device sets for itself, by its kind; for a sandbox `rate` (messages per second),
`delivered_seconds` and `read_seconds`. What it leaves out is the server's setting."""


@dataclass(frozen=True, slots=True)
class Device:
    """A WhatsApp sender. `state_reason` says why it is down although it should be up."""

    id: int
    pool_id: int
    name: str
    kind: Kind
    state: State
    state_reason: str | None
    state_at: datetime
    is_paused: bool
    config: Config
    created_at: datetime

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


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """What is to be different; None leaves it."""

    name: str | None = None
    pool_id: int | None = None
    config: Config | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A set of devices that share a queue."""

    id: int
    name: str
    is_default: bool
    created_at: datetime


Counts = tuple[int, int]
"""A pool's devices: those that can send now (connected, not paused), and all."""
