"""A template: a text with places for variables, and the approved one of a provider behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from waypost.drivers.outgoing import Media, MediaKind

MAX_TEXT = 4096
"""Most characters of a template's body, and of the text made from it."""


Known = tuple[str, str]
"""The name and the language by which a provider knows a template."""


class Format(StrEnum):
    """How the provider tells the places of an approved template apart."""

    POSITIONAL = "positional"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Header:
    """What fills an approved template's header: variables, or a file that it shows as `media`.

    `file` is the file of every send that brings none of its own.
    """

    variables: tuple[str, ...] = ()
    media: MediaKind | None = None
    file: Media | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A button with a place: `url`, `quick_reply` or `copy_code`, by its index from 0."""

    index: int
    kind: str
    variable: str


@dataclass(frozen=True, slots=True)
class Provider:
    """The approved WhatsApp template behind ours; `variables` is the order of its body's places.

    Where its places have names, the variables are these names.
    """

    name: str
    language: str
    variables: tuple[str, ...] = ()
    parameter_format: Format = Format.POSITIONAL
    header: Header | None = None
    buttons: tuple[Button, ...] = ()

    @property
    def known(self) -> Known:
        return self.name, self.language

    @property
    def file(self) -> Media | None:
        """What its header shows of every send that brings no file of its own."""
        return None if self.header is None else self.header.file

    def beside_the_body(self) -> Iterator[str]:
        """The variables of its header and buttons."""
        if self.header is not None:
            yield from self.header.variables
        for button in self.buttons:
            yield button.variable


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


@dataclass(frozen=True, slots=True)
class Wording:
    """What a send needs of a template."""

    body: str
    provider: Provider | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """How an approved template stands at the provider, in its own words; None: it told nothing."""

    status: str | None = None
    category: str | None = None
    quality: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Mine:
    """One of an account's templates that has an approved one behind it."""

    id: int
    name: str
    body: str
    provider: Provider
