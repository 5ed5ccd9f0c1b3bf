"""Messages as the contract shows them."""

from datetime import datetime
from typing import Any

from waypost.events.model import Event
from waypost.kit import files
from waypost.kit.routing import zulu, zulu_or_none
from waypost.messages.batches import Progress
from waypost.messages.estimate import Estimate
from waypost.messages.inbox import show_id as show_inbox_id
from waypost.messages.model import Message, Status, show_batch_id, show_id
from waypost.messages.store_inbound import Received


def message(message: Message, now: datetime) -> dict[str, Any]:
    """A message with all that its owner may know."""
    return {
        "queue_id": message.queue_id,
        "number": message.recipient,
        "message": message.body,
        "status": message.status,
        "is_complete": message.is_complete_at(now),
        "is_error": message.is_error,
        "error_message": message.error_message,
        "error_code": message.error_code,
        "attempts": message.attempts,
        "device_id": message.device_id,
        "template_id": message.template_id,
        "batch_id": message.batch_id and show_batch_id(message.batch_id),
        "reference": message.reference,
        "created_at": zulu(message.created_at),
        "updated_at": zulu(message.updated_at),
        "send_at": zulu_or_none(message.send_at),
        "expires_at": zulu(message.expires_at),
        "sent_at": zulu_or_none(message.sent_at),
        "delivered_at": zulu_or_none(message.delivered_at),
        "read_at": zulu_or_none(message.read_at),
    }


def status(found: Message, estimate: Estimate, now: datetime) -> dict[str, Any]:
    """A message, and when it will leave."""
    return {
        **message(found, now),
        "queue_position": estimate.position,
        "estimated_send_at": zulu_or_none(estimate.send_at),
    }


def batch(progress: Progress) -> dict[str, Any]:
    """A batch and how far it is."""
    batch = progress.batch
    return {
        "batch_id": show_batch_id(batch.id),
        "state": progress.state,
        "is_complete": progress.open == 0,
        "progress": round(progress.share, 4),
        "total": batch.total,
        "counts": {status: progress.counts.get(status, 0) for status in Status},
        "reference": batch.reference,
        "created_at": zulu(batch.created_at),
    }


def event(fact: Event) -> dict[str, Any]:
    """One fact of a message."""
    return {"number": fact.number, "type": fact.type, "at": zulu(fact.at), **(fact.detail or {})}


def received(found: Received) -> dict[str, Any]:
    """What somebody wrote, with all that the provider told of it."""
    contact = found.content.get("contact")
    return {
        "id": show_inbox_id(found.id),
        "number": found.sender,
        "sender_id": found.sender_id,
        "contact": contact,
        "kind": found.kind,
        "text": found.text,
        "content": found.content.get("message"),
        "media_id": found.media_id and files.show_id(found.media_id),
        "media_status": _media_status(found),
        "media_error": found.media_trouble,
        "reply_to": found.answers and show_id(found.answers),
        "device_id": found.device_id,
        "at": zulu(found.at),
        "received_at": zulu(found.received_at),
    }


def _media_status(found: Received) -> str | None:
    if not found.has_file:
        return None
    if found.came:
        return "gone" if found.media_id is None else "kept"
    return "fetching" if found.is_fetched else "lost"
