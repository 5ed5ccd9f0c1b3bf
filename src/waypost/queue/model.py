"""What stands in the queue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from struct import Struct
from typing import NewType
from uuid import UUID

Lane = NewType("Lane", str)

_REFERENCE = Struct(">q16s")


def lane_of(pool_id: int) -> Lane:
    """The lane from which a pool's messages are taken."""
    return Lane(f"pool.{pool_id}")


@dataclass(frozen=True, slots=True)
class Reference:
    """Which message a job is about; with the account, so that look-ups keep to one partition."""

    account_id: int
    message_id: UUID

    def pack(self) -> bytes:
        return _REFERENCE.pack(self.account_id, self.message_id.bytes)

    @classmethod
    def unpack(cls, payload: bytes) -> "Reference":
        account_id, message_id = _REFERENCE.unpack(payload)
        return cls(account_id, UUID(bytes=message_id))


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
