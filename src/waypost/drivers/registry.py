"""Device kind → what makes its driver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from waypost.drivers.port import Driver
from waypost.drivers.sandbox import Manner, Network, Random, SandboxDriver
from waypost.kit.clock import Clock
from waypost.kit.config import Settings

WIDEST = 256
SPAN_SECONDS = 0.25

Config = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Made:
    """A device's driver, and how many messages it takes at the same time."""

    driver: Driver
    window: int


Makers = Mapping[str, Callable[[Config], Made]]


def makers(settings: Settings, clock: Clock, random: Random) -> Makers:
    """For each kind what makes a driver of a device's own configuration."""
    network = Network()

    def sandbox(config: Config) -> Made:
        manner = Manner(
            rate=_own(config, "rate", settings.sandbox_rate),
            delivered_seconds=_own(config, "delivered_seconds", settings.sandbox_delivered_seconds),
            read_seconds=_own(config, "read_seconds", settings.sandbox_read_seconds),
        )
        return Made(SandboxDriver(network, manner, clock, random), _window(manner.rate))

    return {"sandbox": sandbox}


def _window(rate: float) -> int:
    """What a rate carries in a moment: more would only wait, marked, for its turn."""
    return max(1, min(WIDEST, int(rate * SPAN_SECONDS)))


def _own(config: Config, name: str, usual: float) -> float:
    value = config.get(name)
    return value if isinstance(value, int | float) else usual
