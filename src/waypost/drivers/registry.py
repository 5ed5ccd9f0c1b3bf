"""Device kind → what makes its driver."""

from collections.abc import Callable, Mapping

from waypost.drivers.port import Driver
from waypost.drivers.sandbox import Manner, Network, Random, SandboxDriver
from waypost.kit.clock import Clock
from waypost.kit.config import Settings

Config = Mapping[str, object]
Makers = Mapping[str, Callable[[Config], Driver]]


def makers(settings: Settings, clock: Clock, random: Random) -> Makers:
    """For each kind what makes a driver of a device's own configuration."""
    network = Network()

    def sandbox(config: Config) -> Driver:
        manner = Manner(
            rate=_own(config, "rate", settings.sandbox_rate),
            delivered_seconds=_own(config, "delivered_seconds", settings.sandbox_delivered_seconds),
            read_seconds=_own(config, "read_seconds", settings.sandbox_read_seconds),
        )
        return SandboxDriver(network, manner, clock, random)

    return {"sandbox": sandbox}


def _own(config: Config, name: str, usual: float) -> float:
    value = config.get(name)
    return value if isinstance(value, int | float) else usual
