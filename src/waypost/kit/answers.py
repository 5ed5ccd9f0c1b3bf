"""Answers that every feature gives alike."""

from pydantic import BaseModel


class Said(BaseModel):
    """What was done, in words."""

    message: str


class Pagination(BaseModel):
    """Where a page stands in its list."""

    page: int
    per_page: int
    total: int
    pages: int
