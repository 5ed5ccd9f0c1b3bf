"""What the routes of messages answer."""

from pydantic import BaseModel, Field

from waypost.kit.answers import Pagination
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
    created_at: str = Field(examples=["2025-06-03T10:30:00Z"])
    updated_at: str
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None


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
