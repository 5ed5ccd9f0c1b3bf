"""Device kind → what makes its driver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from waypost.drivers.broken import Broken
from waypost.drivers.carrier import Carrier
from waypost.drivers.cloud.breaker import Number, Shared, named
from waypost.drivers.cloud.client import Graph
from waypost.drivers.cloud.driver import CloudDriver
from waypost.drivers.port import DeviceDown, Driver, Shelf
from waypost.drivers.sandbox import Manner, Random, SandboxDriver
from waypost.drivers.secrets import unseal
from waypost.drivers.simulation import Delays, Network, Simulation
from waypost.drivers.wire import Wire
from waypost.kit.clock import Clock
from waypost.kit.config import Settings
from waypost.kit.seal import Sealer

WIDEST = 256
SPAN_SECONDS = 0.25

LOCKED = "Its secrets cannot be opened with the WAYPOST_SEAL_KEY of this worker."

Config = Mapping[str, object]
Sealed = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """A device's driver, and how many messages it takes at the same time."""

    driver: Driver
    window: int


Makers = Mapping[str, Callable[[int, Config, Sealed], Made]]
"""By kind; each is given the device's id, its own configuration and its sealed secrets."""


Shelves = Callable[[int], Shelf]
"""By a device's id the files that accounts keep with us, as that device sees them."""


def makers(
    settings: Settings, clock: Clock, random: Random, sealer: Sealer, shelves: Shelves
) -> Makers:
    """For each kind what makes a device's driver."""
    network = Network()

    def carrier(device_id: int) -> Carrier:
        if settings.sandbox_wire_url is not None:
            return Wire(settings.sandbox_wire_url, device_id, clock)
        return Simulation(network, Delays(), clock)

    def sandbox(device_id: int, config: Config, _: Sealed) -> Made:
        manner = Manner(
            rate=_own(config, "rate", settings.sandbox_rate),
            delivered_seconds=_own(config, "delivered_seconds", settings.sandbox_delivered_seconds),
            read_seconds=_own(config, "read_seconds", settings.sandbox_read_seconds),
            deduplicates=config.get("deduplicates") is not False,
        )
        driver = SandboxDriver(carrier(device_id), network, manner, clock, random)
        return Made(driver, _window(manner.rate))

    shared = Shared(clock)

    def cloud(device_id: int, config: Config, sealed: Sealed) -> Made:
        opened = unseal(sealer, device_id, sealed)
        if opened is None or "access_token" not in opened:
            return Made(Broken(DeviceDown(LOCKED)), 1)
        token = opened["access_token"]
        number = Number(
            device_id,
            str(config["phone_number_id"]),
            str(config["business_account_id"]),
            named(token),
        )
        base = str(config.get("graph_url") or settings.cloud_graph_url)
        graph = Graph(base, settings.cloud_api_version, token)
        driver = CloudDriver(number, graph, shelves(device_id), shared, clock, random)
        return Made(driver, WIDEST)

    return {"sandbox": sandbox, "cloud": cloud}


def _window(rate: float) -> int:
    """What a rate carries in a moment: more would only wait, marked, for its turn."""
    return max(1, min(WIDEST, int(rate * SPAN_SECONDS)))


def _own(config: Config, name: str, usual: float) -> float:
    value = config.get(name)
    return value if isinstance(value, int | float) else usual
