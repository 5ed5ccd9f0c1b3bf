"""A template: a text with places for variables."""

from dataclasses import dataclass
from datetime import datetime

MAX_TEXT = 4096
"""Most characters of a template's body, and of the text made from it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """The approved WhatsApp template behind ours; `variables` is the order of its parameters."""

    name: str
    language: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What an account says about its template."""

    name: str
    body: str
    language: str | None = None
    category: str | None = None
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """A draft that was kept."""

    id: int
    draft: Draft
    created_at: datetime
    updated_at: datetime
