"""What the device routes take as a device's pacing."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from waypost.kit.routing import Body


def _known(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        raise ValueError("must be a time zone such as Africa/Johannesburg") from None
    return name


def _rising(bounds: list[float]) -> list[float]:
    if bounds[0] > bounds[1]:
        raise ValueError("must begin with the lesser one")
    return bounds


TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Spacing = Annotated[list[Seconds], Field(min_length=2, max_length=2), AfterValidator(_rising)]


class WarmUpBody(Body):
    """A new device's first days; with 0 days there are none."""

    days: int = Field(ge=0, le=365)
    first_day: int = Field(ge=1, le=1_000_000, description="Messages on the first day.")


class QuietHoursBody(Body):
    """From when to when nothing is sent, `HH:MM` by the clocks of the time zone."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    timezone: Annotated[str, AfterValidator(_known)]


def _apart(hours: QuietHoursBody) -> QuietHoursBody:
    if hours.from_ == hours.to:
        raise ValueError("must begin and end at different times")
    return hours


class PacingBody(Body):
    """A device's own bounds; what is left out or null is as usual for a device of its kind."""

    per_second: float | None = Field(None, gt=0, le=10_000, allow_inf_nan=False)
    per_minute: int | None = Field(None, ge=1, le=600_000)
    spacing: Spacing | None = Field(
        None, description="The least and the most seconds between two messages, drawn at random."
    )
    daily_cap: int | None = Field(
        None, ge=1, le=10_000_000, description="Messages on one day of UTC."
    )
    warm_up: WarmUpBody | None = Field(
        None, description="From so many messages on the first day, grown to the cap."
    )
    quiet_hours: Annotated[QuietHoursBody, AfterValidator(_apart)] | None = None

    def given(self) -> dict[str, object]:
        return self.model_dump(exclude_none=True, by_alias=True)
