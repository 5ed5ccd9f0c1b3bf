"""Numbered pages and opaque cursors."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from waypost.kit.errors import Invalid

T = TypeVar("T")

MAX_PER_PAGE = 100
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PageAsk:
    """Which page is wanted: a numbered one, or the one after a cursor."""

    page: int = 1
    per_page: int = 10
    cursor: int | None = None

    @classmethod
    def of(cls, page: int, per_page: int, cursor: str | None) -> "PageAsk":
        """Parsed query parameters; more than 100 a page counts as 100."""
        after = None if cursor is None else read_cursor(cursor)
        return cls(page, min(per_page, MAX_PER_PAGE), after)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """Rows of one page; `next` is the running number to go on from, None at the end."""

    rows: Sequence[T]
    next: int | None = None


def pagination(ask: PageAsk, total: int) -> dict[str, int]:
    """The contract's `pagination` object."""
    pages = -(-total // ask.per_page)
    return {"page": ask.page, "per_page": ask.per_page, "total": total, "pages": pages}


def below(cursor: int | None) -> int:
    """The running number to read downwards from; without a cursor, one above all."""
    return _LAST if cursor is None else cursor


def write_cursor(number: int | None) -> str | None:
    """A running number as text that promises nothing about its inside."""
    if number is None:
        return None
    return base64.urlsafe_b64encode(f"n{number}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """The running number behind a cursor of ours; anything else is refused."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        number = int(text[1:])
    except ValueError:
        number = -1
    # Base64 and int() forgive much: only what we would write is ours.
    if not 0 <= number <= _LAST or write_cursor(number) != cursor:
        raise Invalid.field("cursor", "is not one that this API gave")
    return number
