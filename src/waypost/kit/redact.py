"""Phone numbers, texts and secrets, hidden from what is logged."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from uuid import UUID

_HIDDEN = "<redacted>"

_NUMBERS = {"from", "jid", "msisdn", "number", "numbers", "phone", "phone_number", "sender", "to"}
_NUMBERS |= {"notification_number", "recipient", "recipients"}
_TEXTS = {"body", "caption", "content", "message", "rendered", "text", "variables"}
_SECRETS = {"api_key", "api_keys", "dsn", "seal_key"}
_SECRET_ENDINGS = ("authorization", "cookie", "password", "secret", "secrets", "token", "tokens")

# A quick look first: most of what is logged has nothing to hide, and the full pattern is slow.
_SUSPECT = re.compile(r"\d{9}|\+\d|://|eyJ|Bearer ")
_SENSITIVE = re.compile(
    r"(?P<id>[a-z]{2,8}_[0-9A-Za-z]{16,}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![0-9a-f])[0-9a-f]{16,}(?![0-9a-f]))"
    r"|(?P<secret>eyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=://)[^\s/@]+(?=@)|(?<=Bearer )\S+)"
    r"|(?P<number>\+\d[\d ()-]{7,18}\d|(?<!\d)\d{9,15}(?!\d))"
)
_SHORTEST_NUMBER = 7


def redact(name: str, value: object) -> object:
    """The value as it may be logged under this name."""
    return _rule(name)(value)


@lru_cache(maxsize=1024)
def _rule(name: str) -> Callable[[object], object]:
    word = name.lower().replace("-", "_")
    if word in _SECRETS or word.endswith(_SECRET_ENDINGS):
        return _secret
    if word in _TEXTS:
        return _text
    if word in _NUMBERS:
        return _number
    return _anything


def _secret(value: object) -> object:
    return None if value is None else _HIDDEN


def _text(value: object) -> object:
    match value:
        case str():
            return f"<{len(value)} chars>"
        case None | int() | float():
            return value
        case _:
            return _HIDDEN


def _number(value: object) -> object:
    match value:
        case str():
            return _last_digits(value)
        case int() if abs(value) >= 10 ** (_SHORTEST_NUMBER - 1):
            return _last_digits(str(value))
        case list() | tuple() | set() | frozenset():
            return [_number(item) for item in value]
        case _:
            return _anything(value)


def _anything(value: object) -> object:
    match value:
        case str():
            return _masked(value)
        case None | int() | float():
            return value
        case Mapping():
            return {_anything(str(key)): redact(str(key), item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_anything(item) for item in value]
        case _:
            return _masked(_printed(value))


def _masked(text: str) -> str:
    return _SENSITIVE.sub(_mask, text) if _SUSPECT.search(text) else text


def _printed(value: object) -> str:
    match value:
        case UUID() | date() | timedelta() | PurePath():
            return str(value)
        case Enum():
            return str(value.value)
        case BaseException():
            return repr(value)
        case _:
            # Whatever else an object prints of itself, nobody has looked at.
            return f"<{type(value).__name__}>"


def _mask(match: re.Match[str]) -> str:
    if match["secret"]:
        return _HIDDEN
    return match["id"] or _last_digits(match["number"])


def _last_digits(text: str) -> str:
    digits = [c for c in text if c.isdigit()]
    return "…" + "".join(digits[-2:]) if len(digits) >= _SHORTEST_NUMBER else "…"
