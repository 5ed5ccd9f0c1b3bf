"""What the routes of messages answer."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from waypost.kit.answers import Pagination
from waypost.messages.batches import Shown
from waypost.messages.model import Status


class MessageAnswer(BaseModel):
    """A message and where it stands."""

    queue_id: str = Field(examples=["msg_0192f0c1a2b37c4d8e5f60718293a4b5"])
    number: str
    message: str
    status: Status
    is_complete: bool
    is_error: bool
    error_message: str | None
    error_code: str | None
    attempts: int
    device_id: int | None
    template_id: int | None
    batch_id: str | None
    reference: str | None
    created_at: str = Field(examples=["2025-06-03T10:30:00Z"])
    updated_at: str
    send_at: str | None = Field(description="When it was asked to go; null: at once.")
    expires_at: str = Field(description="Until when it may wait to be sent.")
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None


class StatusAnswer(MessageAnswer):
    """A message, and when it will leave.

    `queue_position` is its place in its pool's queue (1 = next) while it is `Queued`.
    `estimated_send_at` is null where nothing can send it now: no device is available, or its batch
    is paused.
    """

    queue_position: int | None
    estimated_send_at: str | None


class BatchAnswer(BaseModel):
    """A bulk as a whole. `progress` is how much of it is complete, from 0 to 1.

    It is `completed` when all of its messages are complete, unless it was cancelled.
    """

    batch_id: str = Field(examples=["bat_0192f0c1a2b37c4d8e5f60718293a4b5"])
    state: Shown
    is_complete: bool
    progress: float
    total: int
    counts: dict[Status, int]
    reference: str | None
    created_at: str


class HistoryAnswer(BaseModel):
    """A page of messages, newest first; `next_cursor` leads to the next one."""

    messages: list[MessageAnswer]
    pagination: Pagination
    next_cursor: str | None


class EventAnswer(BaseModel):
    """One fact; `code` and `message` tell why, where something went wrong."""

    number: int
    type: str = Field(examples=["message.sent"])
    at: str
    code: str | None = None
    message: str | None = None


class EventsAnswer(BaseModel):
    """What happened to a message, in order."""

    queue_id: str
    events: list[EventAnswer]


class AccountMessageAnswer(MessageAnswer):
    """A message, and whose it is."""

    user_id: int


class AllMessagesAnswer(BaseModel):
    """Messages of every account, newest first."""

    messages: list[AccountMessageAnswer]
    next_cursor: str | None


class ReceivedAnswer(BaseModel):
    """What somebody wrote. `number` is null where the provider names them by `sender_id` alone.

    `content` is the message as the provider told it, `reply_to` the message of yours that it
    answers, where that is known. A file is there under `media_id` once it is `kept`.
    """

    id: str = Field(examples=["inb_0192f0c1a2b37c4d8e5f60718293a4b5"])
    number: str | None
    sender_id: str | None
    contact: dict[str, Any] | None = Field(description="Who wrote, as the provider knows them.")
    kind: str = Field(examples=["text"])
    text: str | None
    content: dict[str, Any]
    media_id: str | None
    media_status: Literal["fetching", "kept", "lost", "gone"] | None = Field(
        description="Null where it has no file; `gone`: it was deleted, or not used for 90 days."
    )
    media_error: str | None = Field(
        description="Why its file is lost, or is not here yet; then it is tried again for 7 days."
    )
    reply_to: str | None
    device_id: int
    at: str
    received_at: str


class InboxAnswer(BaseModel):
    """What people wrote, newest first; `next_cursor` leads to the next page."""

    messages: list[ReceivedAnswer]
    next_cursor: str | None
