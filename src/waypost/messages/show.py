"""Messages as the contract shows them."""

from typing import Any

from waypost.events.model import Event
from waypost.kit.routing import zulu, zulu_or_none
from waypost.messages.model import Message


def message(message: Message) -> dict[str, Any]:
    """A message with all that its owner may know."""
    return {
        "queue_id": message.queue_id,
        "number": message.recipient,
        "message": message.body,
        "status": message.status,
        "is_complete": message.is_complete,
        "is_error": message.is_error,
        "error_message": message.error_message,
        "error_code": message.error_code,
        "attempts": message.attempts,
        "device_id": message.device_id,
        "template_id": message.template_id,
        "created_at": zulu(message.created_at),
        "updated_at": zulu(message.updated_at),
        "sent_at": zulu_or_none(message.sent_at),
        "delivered_at": zulu_or_none(message.delivered_at),
        "read_at": zulu_or_none(message.read_at),
    }


def event(fact: Event) -> dict[str, Any]:
    """One fact of a message."""
    return {"number": fact.number, "type": fact.type, "at": zulu(fact.at), **(fact.detail or {})}
