"""What every feature's requests ask alike."""

from typing import Annotated

from pydantic import Field

from waypost.kit.page import MAX_PER_PAGE, PageAsk
from waypost.kit.routing import Query

BodyId = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""The id of something that a body or a query names."""

Page = Annotated[int, Field(ge=1, le=2**31)]

PerPage = Annotated[int, Field(ge=1, description=f"More than {MAX_PER_PAGE} count as so many.")]


class PageQuery(Query):
    """Which numbered page of a list."""

    page: Page = 1
    per_page: PerPage = 10

    def ask(self) -> PageAsk:
        return PageAsk.of(self.page, self.per_page, None)


class CursorQuery(Query):
    """Which part of a list; `cursor` is the `next_cursor` of the page before."""

    per_page: PerPage = 10
    cursor: str | None = None

    def ask(self) -> PageAsk:
        return PageAsk.of(1, self.per_page, self.cursor)
