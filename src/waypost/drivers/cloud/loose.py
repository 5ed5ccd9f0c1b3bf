"""Reading JSON that promises nothing: what is not as it should be counts as absent."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite

_NOTHING: Mapping[str, object] = {}


def clean(value: object) -> object:
    """The value without what neither UTF-8 nor PostgreSQL can hold."""
    match value:
        case str():
            return value.replace("\0", "\ufffd").encode(errors="replace").decode()
        case dict():
            return {clean(name): clean(item) for name, item in value.items()}
        case list():
            return [clean(item) for item in value]
        case float() if not isfinite(value):
            return None
        case _:
            return value


def record(value: object) -> Mapping[str, object]:
    """An object; else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def records(value: object) -> list[Mapping[str, object]]:
    """The objects of a list; else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """A text that says something, or a whole number as one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def moment(value: object) -> datetime | None:
    """Seconds since 1970, as a number or as text."""
    digits = text(value)
    if digits is None or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return datetime.fromtimestamp(int(digits), UTC)
    except (ValueError, OverflowError, OSError):
        return None
