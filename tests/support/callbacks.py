"""Calls as the provider of official numbers makes them."""

import hashlib
import hmac
import json
from typing import Any

NUMBER_ID = "106540352242922"
ACCOUNT = "102290129340398"
APP_SECRET = "app-secret-of-tests"
VERIFY_TOKEN = "verify-token-of-tests"
PERSON = "27821234567"
AT = 1_750_030_073

Json = dict[str, Any]


def call(*changes: Json, account: str = ACCOUNT, at: int | None = None) -> bytes:
    """One entry with these changes, as the provider writes it."""
    entry: Json = {"id": account, "changes": list(changes)}
    return calls(entry if at is None else entry | {"time": at})


def calls(*entries: Any) -> bytes:
    """Some entries in one call."""
    return json.dumps({"object": "whatsapp_business_account", "entry": list(entries)}).encode()


def change(field: str, **value: Any) -> Json:
    """A change of any field."""
    return {"field": field, "value": value}


def messages(number: str = NUMBER_ID, **value: Any) -> Json:
    """A change of a number's messages: `statuses`, or `messages` and `contacts`."""
    about = {"display_phone_number": "15550783881", "phone_number_id": number}
    return change("messages", messaging_product="whatsapp", metadata=about, **value)


def status(name: str, provider_id: str = "wamid.A", **more: Any) -> Json:
    """What became of a message."""
    return {
        "id": provider_id,
        "status": name,
        "timestamp": str(AT),
        "recipient_id": PERSON,
        **more,
    }


def failed(code: int, details: str | None = None, **more: Any) -> Json:
    """That a message did not arrive."""
    error: Json = {"code": code, "title": "Title", "message": "Message", "href": "https://x"}
    if details is not None:
        error["error_data"] = {"details": details}
    return status("failed", errors=[error], **more)


def written(kind: str, body: Any = None, provider_id: str = "wamid.IN", **more: Any) -> Json:
    """What somebody wrote."""
    told: Json = {"from": PERSON, "id": provider_id, "timestamp": str(AT), "type": kind, **more}
    return told if body is None else told | {kind: body}


def contact(number: str = PERSON, name: str = "Kerry") -> Json:
    """Who wrote."""
    return {"profile": {"name": name}, "wa_id": number}


def signature(body: bytes, secret: str = APP_SECRET) -> str:
    """What `X-Hub-Signature-256` says."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
