"""What a device sets of its pacing, its kind's defaults, and quiet hours where clocks are set."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from waypost.devices.pacing import (
    DEFAULTS,
    Pacing,
    Profile,
    QuietHours,
    WarmUp,
    given_by,
    pacing_of,
)
from waypost.devices.pacing_schemas import PacingBody

NEW_YORK = ZoneInfo("America/New_York")
MADE_ON = date(2026, 3, 4)
ZONES = ["UTC", "Africa/Johannesburg", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
TIMES = st.times().map(lambda at: at.replace(second=0, microsecond=0))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))


def test_a_kind_has_its_own_defaults() -> None:
    assert DEFAULTS[Profile.SANDBOX] == Pacing()
    assert DEFAULTS[Profile.LINKED] == Pacing(
        per_minute=20, spacing=(2, 4), daily_cap=1000, warm_up=WarmUp(14, 20)
    )
    assert DEFAULTS[Profile.CLOUD] == Pacing(per_second=70)


def test_what_a_device_sets_replaces_its_kinds_default_field_by_field() -> None:
    own = pacing_of(Profile.LINKED, {"per_minute": 5, "warm_up": {"days": 0, "first_day": 1}})

    assert (own.per_minute, own.warm_up) == (5, WarmUp(0, 1))
    assert (own.spacing, own.daily_cap) == ((2, 4), 1000)


@pytest.mark.parametrize("profile", Profile)
def test_what_is_shown_can_be_sent_back(profile: Profile) -> None:
    quiet = {"from": "22:30", "to": "07:00", "timezone": "Asia/Kolkata"}
    pacing = pacing_of(profile, {"quiet_hours": quiet})

    again = PacingBody.model_validate(given_by(pacing)).given()

    assert pacing_of(profile, again) == pacing
    assert given_by(pacing)["quiet_hours"] == quiet


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"per_seconds": 1}, ("per_seconds",)),
        ({"per_second": 0}, ("per_second",)),
        ({"per_second": float("inf")}, ("per_second",)),
        ({"per_second": "1"}, ("per_second",)),
        ({"per_minute": 1.5}, ("per_minute",)),
        ({"spacing": [1]}, ("spacing",)),
        ({"spacing": [4, 2]}, ("spacing",)),
        ({"spacing": [-1, 2]}, ("spacing", 0)),
        ({"daily_cap": 0}, ("daily_cap",)),
        ({"warm_up": {"days": 3}}, ("warm_up", "first_day")),
        ({"warm_up": {"days": 3, "first_day": 1, "x": 1}}, ("warm_up", "x")),
        ({"quiet_hours": {"from": "24:00", "to": "07:00", "timezone": "UTC"}}, ("from",)),
        ({"quiet_hours": {"from": "7:00", "to": "08:00", "timezone": "UTC"}}, ("from",)),
        ({"quiet_hours": {"from": "07:00", "to": "07:00", "timezone": "UTC"}}, ("quiet_hours",)),
        ({"quiet_hours": {"from": "07:00", "to": "08:00"}}, ("timezone",)),
        ({"quiet_hours": {"from": "07:00", "to": "08:00", "timezone": "Africa"}}, ("timezone",)),
        ({"quiet_hours": {"from": "07:00", "to": "08:00", "timezone": "../x"}}, ("timezone",)),
        ({"quiet_hours": {"from": "07:00", "to": "08:00", "timezone": "\0"}}, ("timezone",)),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(
    given: dict[str, object], field: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        PacingBody.model_validate(given)

    (fault,) = refused.value.errors()
    assert fault["loc"][-len(field) :] == field


def test_null_is_as_usual() -> None:
    assert PacingBody.model_validate({"per_minute": None, "quiet_hours": None}).given() == {}


def test_the_rate_is_that_of_the_tightest_bound() -> None:
    assert DEFAULTS[Profile.SANDBOX].rate == float("inf")
    assert DEFAULTS[Profile.CLOUD].rate == 70
    assert DEFAULTS[Profile.LINKED].rate == pytest.approx(1 / 3)
    assert Pacing(per_second=5, per_minute=60, spacing=(0, 0)).rate == 1


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 90), st.integers(0, 120))
def test_a_warm_up_begins_small_never_shrinks_and_ends_at_the_cap(
    cap: int, first: int, days: int, age: int
) -> None:
    pacing = Pacing(daily_cap=cap, warm_up=WarmUp(days, first))

    def on(age: int) -> int | None:
        return pacing.cap_on(MADE_ON + timedelta(days=age), MADE_ON)

    today, tomorrow = on(age), on(age + 1)
    assert today is not None
    assert tomorrow is not None
    assert min(first, cap) <= today <= tomorrow <= cap
    assert on(0) == min(first, cap)
    assert on(days) == cap


def test_a_device_whose_clock_is_ahead_is_as_on_its_first_day() -> None:
    pacing = Pacing(daily_cap=100, warm_up=WarmUp(7, 10))

    assert pacing.cap_on(MADE_ON - timedelta(days=1), MADE_ON) == 10


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_quiet_hours_end_when_the_clocks_there_say_so_also_when_they_are_set_forward() -> None:
    quiet = QuietHours(time(22), time(2, 30), NEW_YORK)  # 02:30 does not come on that night

    assert quiet.cover(at("2026-03-08T01:59:59-05:00"))
    assert not quiet.cover(at("2026-03-08T03:00:00-04:00"))
    assert quiet.end_after(at("2026-03-08T01:00:00-05:00")) == at("2026-03-08T03:30:00-04:00")
    assert quiet.end_after(at("2026-03-08T23:00:00-04:00")) == at("2026-03-09T02:30:00-04:00")


def test_quiet_hours_that_end_in_an_hour_that_comes_twice_are_quiet_twice() -> None:
    quiet = QuietHours(time(22), time(1, 30), NEW_YORK)

    assert quiet.end_after(at("2026-11-01T00:10:00-04:00")) == at("2026-11-01T01:30:00-04:00")
    assert not quiet.cover(at("2026-11-01T01:40:00-04:00"))
    assert quiet.cover(at("2026-11-01T01:10:00-05:00"))
    assert quiet.end_after(at("2026-11-01T01:10:00-05:00")) == at("2026-11-01T01:30:00-05:00")


@given(TIMES, TIMES, st.sampled_from(ZONES), MOMENTS)
def test_quiet_hours_go_by_the_clocks_there_and_end_within_a_day(
    start: time, end: time, zone: str, now: datetime
) -> None:
    if start == end:
        return
    quiet = QuietHours(start, end, ZoneInfo(zone))
    shown = now.astimezone(quiet.zone).time()
    in_order = start <= shown < end
    across = shown >= start or shown < end

    assert quiet.cover(now) == (in_order if start < end else across)
    if quiet.cover(now):
        over = quiet.end_after(now)
        assert now < over <= now + timedelta(hours=26)
        assert not quiet.cover(over)
