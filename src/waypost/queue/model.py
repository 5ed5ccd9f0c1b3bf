"""What stands in the queue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from struct import Struct
from typing import NewType
from uuid import UUID

Lane = NewType("Lane", str)

_REFERENCE = Struct(">qq16s")
_CLASS_BIT = 56  # above any phone number
_KEY_BYTES = 16  # account and chain


class Kind(IntEnum):
    """The flows of an account: its single sends, and its bulks."""

    SINGLE = 0
    BULK = 1


Flow = tuple[int, Kind, Lane]
"""An account's singles, or its bulks, in a lane: what is given its share."""


def lane_of(pool_id: int) -> Lane:
    """The lane from which a pool's messages are taken."""
    return Lane(f"pool.{pool_id}")


def chain_of(kind: Kind, recipient: str) -> int:
    """What must keep its order within an account: one class of messages to one number."""
    return (kind << _CLASS_BIT) + int(recipient)


@dataclass(frozen=True, slots=True)
class Reference:
    """Which message a job is about; with the account, so that look-ups keep to one partition."""

    account_id: int
    chain: int
    message_id: UUID

    @property
    def kind(self) -> Kind:
        return Kind(self.chain >> _CLASS_BIT)

    @property
    def key(self) -> str:
        """The account's chain. As PgQueuer's `dedupe_key`, no two jobs can have the same."""
        return self.pack()[:_KEY_BYTES].hex()

    def pack(self) -> bytes:
        return _REFERENCE.pack(self.account_id, self.chain, self.message_id.bytes)

    @classmethod
    def unpack(cls, payload: bytes) -> "Reference":
        account_id, chain, message_id = _REFERENCE.unpack(payload)
        return cls(account_id, chain, UUID(bytes=message_id))


@dataclass(frozen=True, slots=True)
class Entry:
    """A message to be queued, and its account's weight: its share of the lane."""

    lane: Lane
    about: Reference
    weight: int = 1

    @property
    def flow(self) -> Flow:
        return self.about.account_id, self.about.kind, self.lane


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job: ours until we finish, retry or release it, or our heart stops beating."""

    id: int
    lane: Lane
    about: Reference


@dataclass(frozen=True, slots=True)
class Later:
    """A job to be handed out again after a delay."""

    job: Job
    delay: timedelta


def ids_of(jobs: Iterable[Job]) -> list[int]:
    return [job.id for job in jobs]


def keys_of(account_id: int) -> tuple[str, str]:
    """The first and the last key that a chain of this account can have."""
    account = f"{account_id:016x}"
    return account + "0" * 16, account + "f" * 16
