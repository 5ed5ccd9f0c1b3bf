"""What webhooks tell, in the sheet's shapes."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import new as hmac
from secrets import token_hex
from typing import Any

from tests.support.graph.refusals import Refusal
from tests.support.graph.world import Number

MESSAGES = "messages"


@dataclass(frozen=True)
class Update:
    """One thing to tell. Updates of a number's `messages` may share a value, others stand alone."""

    business_id: str
    field: str
    value: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str]:
        """Updates of the same place may stand in one value."""
        number = self.value.get("metadata", {}).get("phone_number_id")
        kind = next((name for name in ("statuses", "messages") if name in self.value), "")
        return (number, kind) if self.field == MESSAGES and kind else (str(id(self)), "")


def status(
    number: Number,
    wamid: str,
    to: str,
    what: str,
    at: float,
    opaque: str | None,
    category: str = "service",
    failure: Refusal | None = None,
) -> Update:
    """A message was sent, delivered, read or played, or has failed."""
    told: dict[str, Any] = {
        "id": wamid,
        "status": what,
        "timestamp": str(int(at)),
        "recipient_id": to,
    }
    if opaque is not None:
        told["biz_opaque_callback_data"] = opaque
    if failure is not None:
        told["errors"] = [failure.notice()]
        return _of(number, {"statuses": [told]})
    if what in ("sent", "delivered"):
        told["pricing"] = {
            "billable": True,
            "pricing_model": "PMP",
            "type": "regular",
            "category": category,
        }
    contact = {"profile": {"name": "Somebody"}, "wa_id": to, "user_id": f"US.{to}"}
    return _of(number, {"contacts": [contact], "statuses": [told]})


def inbound(number: Number, sender: str, message: Mapping[str, Any]) -> Update:
    """A user wrote; `message` is its object in `messages`."""
    contact = {"profile": {"name": "Somebody"}, "wa_id": sender, "user_id": f"US.{sender}"}
    return _of(number, {"contacts": [contact], "messages": [dict(message)]})


def _of(number: Number, value: Mapping[str, Any]) -> Update:
    metadata = {
        "display_phone_number": number.digits,
        "phone_number_id": number.id,
    }
    whole = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    return Update(number.business_id, MESSAGES, whole)


def body(updates: Sequence[Update]) -> bytes:
    """One webhook's body with all of these, as the Graph writes it: escaped to ASCII, slashes too.

    Who parses it and writes it again gets other bytes, and another signature.
    """
    entries: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for update in updates:
        changes = entries.setdefault(update.business_id, {})
        known = changes.get(update.place)
        if known is None:
            changes[update.place] = {"field": update.field, "value": dict(update.value)}
        else:
            known["value"] = _joined(known["value"], update.value)
    listed = [{"id": id, "changes": list(changes.values())} for id, changes in entries.items()]
    whole = {"object": "whatsapp_business_account", "entry": listed}
    return json.dumps(whole).replace("/", "\\/").encode()


def _joined(one: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    lists = {
        name: [*one.get(name, []), *other.get(name, [])]
        for name in ("contacts", "statuses", "messages")
        if name in one or name in other
    }
    return {**one, **lists}


def signature(secret: str, written: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac(secret.encode(), written, sha256).hexdigest()


def new_wamid(user: str) -> str:
    """Opaque, and like the real ones it hides the user's phone."""
    inside = f"\x1d\x0b{user}\x15\x02\x00\x11\x18\x12{token_hex(9).upper()}\x00"
    return "wamid." + base64.b64encode(inside.encode("latin-1")).decode()
