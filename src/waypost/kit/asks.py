"""What every feature's requests ask alike."""

from typing import Annotated

from pydantic import Field

from waypost.kit.page import PageAsk
from waypost.kit.routing import Query

MOST_PAGES = 1_000_000_000

BodyId = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""The id of something that a body names."""


class PageQuery(Query):
    """Which numbered page of a list."""

    page: int = Field(1, ge=1, le=MOST_PAGES)
    per_page: int = Field(10, ge=1)

    def ask(self) -> PageAsk:
        return PageAsk.of(self.page, self.per_page, None)
