"""JSON bodies into structs, fast; and when that fails, every problem with its field."""

import json
import re
from typing import Any, Generic, TypeVar

import msgspec

from waypost.kit.errors import Invalid, Problem

S = TypeVar("S", bound=msgspec.Struct)

# How msgspec tells of a field inside an object that is itself inside a field.
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)

_NOT_JSON = Problem("body", "is not valid JSON in UTF-8")


class BodyReader(Generic[S]):
    """Reads one kind of body. The struct must forbid unknown fields."""

    def __init__(self, struct: type[S]) -> None:
        self._struct = struct
        self._decoder = msgspec.json.Decoder(struct)

    def read(self, body: bytes) -> S:
        """The parsed body; refuses with all that is wrong with it."""
        try:
            return self._decoder.decode(body)
        except (ValueError, RecursionError):
            raise Invalid.fields(*_problems(self._struct, body)) from None


def _problems(struct: type[msgspec.Struct], body: bytes) -> list[Problem]:
    try:
        return _named(struct, json.loads(body)) or [_NOT_JSON]
    except (ValueError, RecursionError):
        return [_NOT_JSON]


def _named(struct: type[msgspec.Struct], given: object) -> list[Problem]:
    if not isinstance(given, dict):
        return [Problem("body", "must be a JSON object")]
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    unknown = [Problem(_name(n), "is not a field here") for n in given if n not in fields]
    known = [_problem(name, field, given) for name, field in fields.items()]
    return [problem for problem in known if problem is not None] + unknown


def _problem(name: str, field: msgspec.structs.FieldInfo, given: dict[str, Any]) -> Problem | None:
    if given.get(name) is None and field.required:
        return Problem(name, "is required")
    if name not in given:
        return None
    if is_broken(given[name]):
        return Problem(name, "holds half of a surrogate pair")
    try:
        msgspec.convert(given[name], field.type)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `$")
        return _in_our_words(name + where.rstrip("`"), said)
    return None


def _in_our_words(place: str, said: str) -> Problem:
    """What msgspec says of a place inside a body, as it is said of the outermost fields."""
    if inner := _MISSING.fullmatch(said):
        return Problem(f"{place}.{inner[1]}", "is required")
    if inner := _UNKNOWN.fullmatch(said):
        return Problem(f"{place}.{_name(inner[1])}", "is not a field here")
    return Problem(place, said.replace("Expected", "must be", 1))


def is_broken(value: object) -> bool:
    """Whether a text anywhere inside cannot be written as UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _name(given: str) -> str:
    return given.encode(errors="replace").decode()[:64]
