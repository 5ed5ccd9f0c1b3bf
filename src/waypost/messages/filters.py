"""The query parameters that narrow a list of messages."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import Field, field_validator

from waypost.kit.errors import Invalid
from waypost.kit.numbers import normalise
from waypost.kit.routing import Query
from waypost.kit.texts import Text
from waypost.messages.model import Status, parse_batch_id
from waypost.messages.schemas import NOT_A_NUMBER
from waypost.messages.store_read import Filter

T = TypeVar("T")


class FilterQuery(Query):
    """Which messages."""

    status: Status | None = None
    number: str | None = None
    batch_id: str | None = None
    reference: Text | None = None
    since: datetime | None = Field(None, alias="from")
    until: datetime | None = Field(None, alias="to")

    @field_validator("since", "until")
    @classmethod
    def _in_utc(cls, at: datetime | None) -> datetime | None:
        if at is None or at.tzinfo is None:
            return at and at.replace(tzinfo=UTC)
        try:
            return at.astimezone(UTC)
        except OverflowError:
            raise ValueError("must be between the years 1 and 9999 of UTC") from None

    def filter(self) -> Filter:
        """The filter they ask for."""
        number = _read("number", self.number, normalise, NOT_A_NUMBER)
        batch_id = _read("batch_id", self.batch_id, parse_batch_id, "is not the id of a batch")
        return Filter(self.status, number, batch_id, self.reference, self.since, self.until)


def _read(field: str, given: str | None, read: Callable[[str], T | None], problem: str) -> T | None:
    if given is None:
        return None
    found = read(given)
    if found is None:
        raise Invalid.field(field, problem)
    return found
