"""A file that somebody sent us, and that is still at its provider."""

from dataclasses import dataclass
from uuid import UUID

from waypost.drivers.news import InboundMedia


@dataclass(frozen=True, slots=True)
class Wanted:
    """A device is to fetch it, for an account; so many `attempts` have failed."""

    inbound_id: UUID
    device_id: int
    account_id: int
    media: InboundMedia
    attempts: int
