"""A body and its variables make a text; each place is filled once, from left to right."""

import math
import re
from collections.abc import Mapping

from waypost.kit.errors import Invalid, Problem
from waypost.kit.texts import problem_of
from waypost.templates.model import MAX_TEXT

NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLACE = re.compile(r"\{\{\s*(" + NAME + r")\s*\}\}")


def names_in(body: str) -> list[str]:
    """The variables that the body asks for, in the order they first appear."""
    return list(dict.fromkeys(_PLACE.findall(body)))


def renamed(body: str, names: Mapping[str, str]) -> str:
    """The body with its places called by other names, where there is one for them."""
    return _PLACE.sub(lambda place: "{{" + names.get(place[1], place[1]) + "}}", body)


def render(body: str, variables: Mapping[str, object]) -> str:
    """The body with its places filled; refused where one cannot be, or the text is too long.

    Variables that the body does not ask for are not looked at.
    """
    names = names_in(body)
    problems = [p for name in names if (p := problem_of_value(name, variables)) is not None]
    if problems:
        raise Invalid.fields(*problems)
    texts = {name: shown(variables[name]) for name in names}
    return _sendable(_PLACE.sub(lambda place: texts[place[1]], body))


def problem_of_value(name: str, variables: Mapping[str, object]) -> Problem | None:
    """Why the variable fills no place: it is not there, or is nothing that can be written."""
    field = f"variables.{name}"
    if name not in variables:
        return Problem(field, "is required by the template")
    value = variables[name]
    if isinstance(value, str):
        fault = problem_of(value)
        return None if fault is None else Problem(field, fault)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return None
    return Problem(field, "must be a text, a number, true or false")


def shown(value: object) -> str:
    """The value as JSON writes it, texts without their quotes."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sendable(text: str) -> str:
    if not text:
        raise Invalid.field("variables", "leave no text to send")
    if len(text) > MAX_TEXT:
        problem = f"make a text of {len(text)} characters; at most {MAX_TEXT} can be sent"
        raise Invalid.field("variables", problem)
    return text
