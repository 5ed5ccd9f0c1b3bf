"""What people write to an official number, the provider's JSON → `Inbound`; pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from waypost.drivers.cloud.loose import moment, record, text
from waypost.drivers.news import Inbound, InboundMedia

Told = Mapping[str, object]

# Which part of a kind is its text; of the others it is the caption.
_SAYS: Mapping[str, tuple[str, ...]] = {
    "text": ("body",),
    "system": ("body",),
    "button": ("text",),
    "order": ("text",),
    "reaction": ("emoji",),
    "location": ("name", "address"),
}
_FILES = {"image", "video", "audio", "document", "sticker"}

UNKNOWN = "unknown"


def inbound(
    told: Told, contacts: Sequence[Told], device_id: int, received_at: datetime
) -> Inbound | None:
    """The message; None where it has no id, by which it would be known again."""
    provider_id = text(told.get("id"))
    if provider_id is None:
        return None
    kind = text(told.get("type")) or UNKNOWN
    body = record(told.get(kind))
    sender, sender_id = text(told.get("from")), text(told.get("from_user_id"))
    return Inbound(
        device_id,
        provider_id,
        _digits(sender),
        sender_id,
        kind,
        _text(kind, body),
        moment(told.get("timestamp")) or received_at,
        {"message": told, "contact": _contact(contacts, sender, sender_id)},
        _file(kind, body),
        _reply_to(told, body),
    )


def _text(kind: str, body: Told) -> str | None:
    """What a person would read of it."""
    if kind == "interactive":
        return _chosen(body)
    if kind == "edit":
        return _edited(record(body.get("message")))
    said = (text(body.get(name)) for name in _SAYS.get(kind, ("caption",)))
    return next((each for each in said if each is not None), None)


def _chosen(body: Told) -> str | None:
    chosen = record(body.get(text(body.get("type")) or ""))
    return text(chosen.get("title")) or text(chosen.get("body"))


def _edited(message: Told) -> str | None:
    kind = text(message.get("type")) or UNKNOWN
    return None if kind == "edit" else _text(kind, record(message.get(kind)))


def _file(kind: str, body: Told) -> InboundMedia | None:
    id = text(body.get("id"))
    if kind not in _FILES or id is None:
        return None
    return InboundMedia(
        id,
        kind,
        text(body.get("mime_type")) or "application/octet-stream",
        text(body.get("sha256")),
        text(body.get("filename")),
    )


def _reply_to(told: Told, body: Told) -> str | None:
    """The message that is answered, reacted to, changed or taken back."""
    return (
        text(body.get("original_message_id"))
        or text(body.get("message_id"))
        or text(record(told.get("context")).get("id"))
    )


def _contact(contacts: Sequence[Told], sender: str | None, sender_id: str | None) -> Told | None:
    """Who wrote it, as the call describes them."""
    for contact in contacts:
        number, user_id = text(contact.get("wa_id")), text(contact.get("user_id"))
        if (number is not None and number == sender) or (user_id and user_id == sender_id):
            return contact
    return None


def _digits(number: str | None) -> str | None:
    digits = "".join(c for c in number or "" if c.isascii() and c.isdigit())
    return digits or None
