"""How fast a device may write: what its kind is used to, and what it sets for itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

SPELLED = "%H:%M"


class Profile(StrEnum):
    """What a device behaves like."""

    SANDBOX = "sandbox"
    LINKED = "linked"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A new device's first `days`: from `first_day` messages on the first to its full cap."""

    days: int
    first_day: int


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when to when, by the clocks of a place, nothing is sent; midnight may lie between."""

    start: time
    end: time
    zone: ZoneInfo

    def cover(self, at: datetime) -> bool:
        """Whether the clocks there show a quiet time."""
        shown = at.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= shown < self.end
        return shown >= self.start or shown < self.end

    def end_after(self, at: datetime) -> datetime:
        """When the quiet time that covers this moment is over."""
        today = at.astimezone(self.zone).date()
        # Where clocks are set, a time comes twice or not at all: of both readings the one counts
        # that is loud.
        ends = [
            datetime.combine(today + timedelta(days), self.end, self.zone)
            .replace(fold=fold)
            .astimezone(UTC)
            for days in range(3)
            for fold in (0, 1)
        ]
        return min(end for end in ends if end > at and not self.cover(end))


@dataclass(frozen=True, slots=True)
class Pacing:
    """The bounds of a device, all of them at once; None is no bound.

    `spacing` is the least and the most seconds from one message to the next, drawn at random. A
    day is one of UTC.
    """

    per_second: float | None = None
    per_minute: int | None = None
    spacing: tuple[float, float] | None = None
    daily_cap: int | None = None
    warm_up: WarmUp | None = None
    quiet_hours: QuietHours | None = None

    @property
    def warms_up_to_nothing(self) -> bool:
        """Whether a warm-up is set without the cap that it leads to."""
        return self.warm_up is not None and self.daily_cap is None

    @property
    def rate(self) -> float:
        """Messages a second while it sends, before any cap of the day."""
        minute = inf if self.per_minute is None else self.per_minute / 60
        between = 0.0 if self.spacing is None else sum(self.spacing) / 2
        second = inf if self.per_second is None else self.per_second
        return min(second, minute, 1 / between if between else inf)

    def cap_on(self, day: date, made_on: date) -> int | None:
        """The most messages of this day, for a device that was made on that one.

        While it warms up, each day allows the same multiple of the day before: small numbers grow
        slowly, as it is the first days that are watched.
        """
        if self.daily_cap is None or self.warm_up is None:
            return self.daily_cap
        age = (day - made_on).days
        if age >= self.warm_up.days:
            return self.daily_cap
        first = min(self.warm_up.first_day, self.daily_cap)
        grown: float = (self.daily_cap / first) ** (max(0, age) / self.warm_up.days)
        return round(first * grown)


DEFAULTS = {
    Profile.SANDBOX: Pacing(),
    Profile.LINKED: Pacing(
        per_minute=20, spacing=(2.0, 4.0), daily_cap=1000, warm_up=WarmUp(days=14, first_day=20)
    ),
    Profile.CLOUD: Pacing(per_second=70),
}


def day_of(at: datetime) -> date:
    """The day to which a message sent at this moment counts."""
    return at.astimezone(UTC).date()


def pacing_of(profile: Profile, given: Mapping[str, Any]) -> Pacing:
    """The profile's defaults, but for what a device sets itself."""
    own = {name: _READERS.get(name, _itself)(value) for name, value in given.items()}
    return replace(DEFAULTS[profile], **own)


def given_by(pacing: Pacing) -> dict[str, Any]:
    """The pacing as a device would have to give it, in JSON; None where nothing bounds."""
    shown = {field.name: getattr(pacing, field.name) for field in fields(pacing)}
    if pacing.spacing is not None:
        shown["spacing"] = list(pacing.spacing)
    if pacing.warm_up is not None:
        shown["warm_up"] = asdict(pacing.warm_up)
    if (quiet := pacing.quiet_hours) is not None:
        shown["quiet_hours"] = {
            "from": quiet.start.strftime(SPELLED),
            "to": quiet.end.strftime(SPELLED),
            "timezone": quiet.zone.key,
        }
    return shown


def _itself(value: Any) -> Any:
    return value


def _quiet_hours(given: Mapping[str, str]) -> QuietHours:
    return QuietHours(
        time.fromisoformat(given["from"]),
        time.fromisoformat(given["to"]),
        ZoneInfo(given["timezone"]),
    )


def _warm_up(given: Mapping[str, int]) -> WarmUp:
    return WarmUp(given["days"], given["first_day"])


def _spacing(given: list[float]) -> tuple[float, float]:
    least, most = given
    return least, most


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "spacing": _spacing,
    "warm_up": _warm_up,
    "quiet_hours": _quiet_hours,
}
