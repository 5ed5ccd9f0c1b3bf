"""A message, its statuses, and the one table of steps between them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from waypost.kit import ids

MAX_NUMBERS = 200

ID_SLACK = timedelta(minutes=10)
"""A message's id is made before the lock under which its `created_at` is taken, by a clock that
may be set in between: no further than this are the two apart."""


QueueType = Literal["embedded", "docker"]
"""How the workers run: beside the API, or as separate ones."""


class Status(StrEnum):
    """Where a message stands, in the contract's words."""

    SCHEDULED = "Scheduled"
    QUEUED = "Queued"
    SENDING = "Sending"
    SENT = "Sent"
    DELIVERED = "Delivered"
    READ = "Read"
    UNCERTAIN = "Uncertain"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


class Class(StrEnum):
    """How a message was asked for."""

    SINGLE = "single"
    BULK = "bulk"


_S = Status

# The published table: from where to where, and whether the step refunds the message's credit.
STEPS: dict[tuple[Status, Status], bool] = {
    (_S.SCHEDULED, _S.QUEUED): False,
    (_S.SCHEDULED, _S.CANCELLED): True,
    (_S.SCHEDULED, _S.EXPIRED): True,
    (_S.QUEUED, _S.SENDING): False,
    (_S.QUEUED, _S.SENT): False,
    (_S.QUEUED, _S.DELIVERED): False,
    (_S.QUEUED, _S.READ): False,
    (_S.QUEUED, _S.FAILED): True,
    (_S.QUEUED, _S.CANCELLED): True,
    (_S.QUEUED, _S.EXPIRED): True,
    (_S.SENDING, _S.QUEUED): False,
    (_S.SENDING, _S.SENT): False,
    (_S.SENDING, _S.DELIVERED): False,
    (_S.SENDING, _S.READ): False,
    (_S.SENDING, _S.FAILED): True,
    (_S.SENDING, _S.EXPIRED): True,
    (_S.SENDING, _S.UNCERTAIN): False,
    (_S.UNCERTAIN, _S.QUEUED): False,
    (_S.UNCERTAIN, _S.SENT): False,
    (_S.UNCERTAIN, _S.DELIVERED): False,
    (_S.UNCERTAIN, _S.READ): False,
    (_S.UNCERTAIN, _S.FAILED): True,
    (_S.SENT, _S.DELIVERED): False,
    (_S.SENT, _S.READ): False,
    (_S.SENT, _S.FAILED): True,
    (_S.DELIVERED, _S.READ): False,
}

ENDS = frozenset({_S.FAILED, _S.CANCELLED, _S.EXPIRED})
COMPLETE = ENDS | {_S.SENT, _S.DELIVERED, _S.READ}
ERRORS = frozenset({_S.FAILED, _S.EXPIRED})


def may_step(before: Status, after: Status) -> bool:
    """Whether the table allows the step."""
    return (before, after) in STEPS


def refunds(before: Status, after: Status) -> bool:
    """Whether the step gives the credit back."""
    return STEPS[before, after]


def is_complete(status: Status, *, is_over: bool) -> bool:
    """Whether nothing more is to be awaited; `is_over`: the message's time to be sent has passed.

    News may still come for what is complete, and moves it on as the table says.
    """
    return status in COMPLETE or (status is Status.UNCERTAIN and is_over)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as its owner sees it; `is_held`: its batch is paused."""

    id: UUID
    number: int
    recipient: str
    body: str
    kind: Class
    pool_id: int
    status: Status
    is_held: bool
    attempts: int
    device_id: int | None
    template_id: int | None
    batch_id: UUID | None
    reference: str | None
    error_code: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime
    send_at: datetime | None
    expires_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None

    @property
    def queue_id(self) -> str:
        return show_id(self.id)

    def is_complete_at(self, now: datetime) -> bool:
        return is_complete(self.status, is_over=self.expires_at <= now)

    @property
    def is_error(self) -> bool:
        return self.status in ERRORS


def show_id(id: UUID) -> str:
    """The message's id as the contract shows it: `msg_` and 32 hexadecimal digits."""
    return ids.show("msg", id)


def parse_id(text: str) -> UUID | None:
    """The id behind a shown one, or None where it cannot be one."""
    return ids.parse("msg", text)


def show_batch_id(id: UUID) -> str:
    """The id of a bulk's messages as the contract shows it: `bat_` and 32 hexadecimal digits."""
    return ids.show("bat", id)


def parse_batch_id(text: str) -> UUID | None:
    """The id behind a shown one, or None where it cannot be one."""
    return ids.parse("bat", text)
