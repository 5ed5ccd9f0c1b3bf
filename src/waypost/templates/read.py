"""An approved template as its provider describes it → a template of ours; pure.

Places without a name are called by where they stand: `body_1`, `header_1`, `button_0`; the code of
one that signs people in is `code`, in its body and on its button.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from waypost.drivers.cloud.loose import records, text
from waypost.drivers.news import ApprovedTemplate
from waypost.drivers.outgoing import MediaKind
from waypost.templates.model import MAX_TEXT, Button, Draft, Format, Header, Provider
from waypost.templates.render import NAME

MAX_NAME = 100

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PARTS = {"HEADER", "BODY", "FOOTER", "BUTTONS"}
_FILES = {"IMAGE": MediaKind.IMAGE, "VIDEO": MediaKind.VIDEO, "DOCUMENT": MediaKind.DOCUMENT}
_PLAIN_BUTTONS = {"QUICK_REPLY", "PHONE_NUMBER", "VOICE_CALL"}

Part = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A template of the provider's that no send of ours could fill, and why."""

    name: str
    language: str
    why: str


class _CannotFill(Exception):
    """Something in it has no counterpart here."""


def draft_of(told: ApprovedTemplate) -> Draft | Unusable:
    """The template of ours that would send it."""
    try:
        return _draft(told)
    except _CannotFill as cannot:
        return Unusable(told.name, told.language, str(cannot))


def _draft(told: ApprovedTemplate) -> Draft:
    parts = {(text(part.get("type")) or "").upper(): part for part in told.components}
    if strange := sorted(parts.keys() - _PARTS):
        raise _CannotFill(f"It has a part of type {strange[0]}, which cannot be filled here.")
    names = _Names(told)
    body, variables = names.put_into(_body(parts), "body")
    provider = Provider(
        told.name,
        told.language,
        variables,
        names.format,
        _header(parts.get("HEADER"), names),
        _buttons(parts.get("BUTTONS"), names),
    )
    category = told.category and told.category.lower()
    return Draft(told.name[:MAX_NAME], body, told.language, category, provider)


class _Names:
    """What the places of a template are called here."""

    def __init__(self, told: ApprovedTemplate) -> None:
        is_named = (told.format or "").upper() == "NAMED"
        self.format = Format.NAMED if is_named else Format.POSITIONAL
        self._has_code = (told.category or "").upper() == "AUTHENTICATION"

    def put_into(self, said: str, part: str) -> tuple[str, tuple[str, ...]]:
        """A part's text with our names in its places, and these in the order of its parameters."""
        places = list(dict.fromkeys(_PLACE.findall(said)))
        if self.format is Format.POSITIONAL:
            places.sort(key=_number)
        names = {place: self._name(place, part) for place in places}
        filled = _PLACE.sub(lambda found: "{{" + names[found[1]] + "}}", said)
        return filled, tuple(names.values())

    def of_button(self, index: int) -> str:
        return "code" if self._has_code else f"button_{index}"

    def _name(self, place: str, part: str) -> str:
        if self._has_code:
            return "code"
        name = place if self.format is Format.NAMED else f"{part}_{place}"
        if re.fullmatch(NAME, name) is None:
            raise _CannotFill(f"Its place {place!r} has no name that a variable here can have.")
        return name


def _number(place: str) -> int:
    if not (place.isascii() and place.isdigit()):
        raise _CannotFill(f"Its place {place!r} has no number, as the others have.")
    return int(place)


def _body(parts: Mapping[str, Part]) -> str:
    said = text(parts.get("BODY", {}).get("text"))
    if said is None:
        raise _CannotFill("It has no text.")
    if len(said) > MAX_TEXT:
        raise _CannotFill(f"Its text has {len(said)} characters; {MAX_TEXT} is the most.")
    return said


def _header(part: Part | None, names: _Names) -> Header | None:
    if part is None:
        return None
    format = (text(part.get("format")) or "TEXT").upper()
    if format in _FILES:
        return Header(media=_FILES[format])
    if format != "TEXT":
        raise _CannotFill(f"Its header is of type {format}, which cannot be filled here.")
    _, variables = names.put_into(text(part.get("text")) or "", "header")
    return Header(variables) if variables else None


def _buttons(part: Part | None, names: _Names) -> tuple[Button, ...]:
    buttons = records((part or {}).get("buttons"))
    kinds = [_kind(button, index) for index, button in enumerate(buttons)]
    return tuple(
        Button(index, kind, names.of_button(index))
        for index, kind in enumerate(kinds)
        if kind is not None
    )


def _kind(button: Part, index: int) -> str | None:
    """By which kind of parameter the button is filled; None where it has no place."""
    type = (text(button.get("type")) or "").upper()
    if type == "URL":
        return "url" if _PLACE.search(text(button.get("url")) or "") else None
    if type == "OTP":
        return "url"
    if type == "COPY_CODE":
        return "copy_code"
    if type not in _PLAIN_BUTTONS:
        raise _CannotFill(f"Its button {index} is of type {type}, which cannot be filled here.")
    return None
