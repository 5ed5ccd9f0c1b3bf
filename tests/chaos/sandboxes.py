"""Sandbox devices whose wire is a transport that notes what it is given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.transport import Faults, Sight, Transport

RATE = 200


@dataclass(frozen=True)
class Sandboxes:
    """The wire of a round's sandbox devices."""

    transport: Transport
    deduplicates: bool
    kind: str = "sandbox"
    hot: int = 4

    @classmethod
    @contextmanager
    def started(cls, folder: Path, manner: str) -> Iterator["Sandboxes"]:
        """One for the length of a block; only the first manner's drops repeats."""
        with Transport.started(folder) as transport:
            yield cls(transport, manner == "repeats")

    @property
    def settings(self) -> dict[str, str]:
        """What the processes are told of it."""
        return {
            "SANDBOX_WIRE_URL": self.transport.url,
            "SANDBOX_DELIVERED_SECONDS": "0.3",
            "SANDBOX_READ_SECONDS": "0.6",
        }

    def config(self, _: int) -> Mapping[str, object]:
        """Of the device with this place."""
        return {"deduplicates": self.deduplicates, "rate": RATE}

    def connect(self, url: str, device_ids: Sequence[int]) -> None:
        """Its receipts are made by the devices themselves."""

    def misbehave(self, seed: str) -> None:
        """From now on much goes wrong."""
        self.transport.tell(
            Faults(
                seed,
                refused=0.01,
                busy=0.03,
                limited=0.01,
                lost=0.01,
                dropped=0.02,
                silent=0.001,
                slow=0.02,
                garbage=0.005,
            )
        )

    def behave(self) -> None:
        """From now on all goes well."""
        self.transport.tell(Faults())

    def has_told_all(self) -> bool:
        """Whether nothing is to be expected from it."""
        return True

    def sights(self) -> list[Sight]:
        """All it was given, in order."""
        return self.transport.sights()

    def complaints(self) -> list[str]:
        """What it was given that nobody may give it."""
        return []
