"""The query parameters that narrow a list of messages."""

from datetime import UTC, datetime

from pydantic import Field, field_validator

from waypost.kit.errors import Invalid
from waypost.kit.numbers import normalise
from waypost.kit.routing import Query
from waypost.messages.model import Status
from waypost.messages.schemas import NOT_A_NUMBER
from waypost.messages.store_read import Filter


class FilterQuery(Query):
    """Which messages."""

    status: Status | None = None
    number: str | None = None
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
        number = None
        if self.number is not None:
            number = normalise(self.number)
            if number is None:
                raise Invalid.field("number", NOT_A_NUMBER)
        return Filter(self.status, number, self.since, self.until)
