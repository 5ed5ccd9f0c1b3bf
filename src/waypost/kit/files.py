"""How requests name a file: by a link that the provider fetches, or by the id of one kept here."""

from urllib.parse import urlsplit
from uuid import UUID

from waypost.kit import ids
from waypost.kit.texts import problem_of

PREFIX = "med"
MAX_LINK = 2048
MAX_FILENAME = 240


def show_id(id: UUID) -> str:
    """A file's id as the contract shows it: `med_` and 32 hexadecimal digits."""
    return ids.show(PREFIX, id)


def parse_id(text: str) -> UUID | None:
    """The id behind a shown one, or None where it cannot be one."""
    return ids.parse(PREFIX, text)


def link_problem(link: str) -> str | None:
    """Why nobody could fetch from there; None where somebody may."""
    if len(link) > MAX_LINK:
        return f"has {len(link)} characters; {MAX_LINK} is the most"
    if not link.isprintable() or " " in link or not _has_host(link):
        return "must be an http:// or https:// URL"
    return None


def filename_problem(name: str) -> str | None:
    """Why a file cannot be called so; None where it can."""
    if not name.strip():
        return "must not be empty"
    if len(name) > MAX_FILENAME:
        return f"has {len(name)} characters; {MAX_FILENAME} is the most"
    if "/" in name or "\\" in name:
        return "must be a name without a path"
    return problem_of(name) or (None if name.isprintable() else "must be on one line")


def _has_host(link: str) -> bool:
    try:
        parts = urlsplit(link)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
