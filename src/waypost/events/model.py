"""What happened to a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Type(StrEnum):
    """The kinds of facts; the names are those of the contract's webhooks."""

    SCHEDULED = "message.scheduled"
    QUEUED = "message.queued"
    SENDING = "message.sending"
    REQUEUED = "message.requeued"
    SENT = "message.sent"
    DELIVERED = "message.delivered"
    READ = "message.read"
    FAILED = "message.failed"
    CANCELLED = "message.cancelled"
    EXPIRED = "message.expired"
    UNCERTAIN = "message.uncertain"


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about a message; `number` counts from 1 within the message, without gaps."""

    account_id: int
    message_id: UUID
    number: int
    type: Type
    at: datetime
    detail: Mapping[str, object] | None = None
