"""Which numbers are on WhatsApp."""

from dataclasses import dataclass

from waypost.devices import pools, store
from waypost.devices.errors import CannotLookUp, NoneAvailable
from waypost.drivers.fates import fate_of
from waypost.kit.db import Tx
from waypost.kit.numbers import normalise


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a number: its digits, and whether it is on WhatsApp (None: it is none)."""

    number: str
    on_whatsapp: bool | None


async def require_device(tx: Tx, pool_id: int) -> None:
    """Only a pool with a device that can send now, and that can look up, can look numbers up."""
    available, _ = (await pools.counts(tx, [pool_id]))[pool_id]
    if not available:
        raise NoneAvailable
    if not await store.has_simulated(tx, pool_id):
        raise CannotLookUp


def look_up(given: str) -> Finding:
    """What the simulated network knows of a number."""
    digits = normalise(given)
    if digits is None:
        return Finding(given, None)
    return Finding(digits, fate_of(digits).refused is None)
