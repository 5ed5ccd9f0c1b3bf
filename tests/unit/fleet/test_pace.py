"""A device's pace: bounds that hold in every stretch of time, from the first second on."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.devices.pacing import DEFAULTS, Pacing, Profile, QuietHours, WarmUp
from waypost.fleet.pace import UNBOUNDED, Pace
from waypost.kit.clock import FrozenClock

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HAIR = 1e-6

Sends = list[tuple[float, int]]
"""When, and how many."""

STEPS = st.lists(st.floats(0.001, 5.0), min_size=1, max_size=300)
SEEDS = st.integers(0, 2**32)


def made(
    pacing: Pacing, clock: FrozenClock, *, made_at: datetime = NOON, seed: int = 1, sent: int = 0
) -> Pace:
    return Pace(pacing, made_at, clock, Random(seed).random, sent)


def send_all(pace: Pace, clock: FrozenClock, steps: Sequence[float]) -> Iterator[tuple[float, int]]:
    """Send whatever may go, at each of these moments."""
    for seconds in steps:
        clock.advance(timedelta(seconds=seconds))
        if room := pace.room():
            pace.take(room)
            yield clock.monotonic(), room


def most_within(sends: Sends, seconds: float) -> int:
    """The most that went in any stretch of so many seconds, its end left out."""
    return max(
        (sum(n for at, n in sends if begin <= at < begin + seconds - HAIR) for begin, _ in sends),
        default=0,
    )


def send_for(pace: Pace, clock: FrozenClock, seconds: float, step: float = 0.02) -> Sends:
    """Send as fast as may be for so long, looked at every step."""
    return list(send_all(pace, clock, [step] * round(seconds / step)))


@given(st.floats(0.1, 200), STEPS, SEEDS)
def test_a_second_never_has_more_than_its_bound_and_a_tenth(
    bound: float, steps: list[float], seed: int
) -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=bound), clock, seed=seed)

    sends = list(send_all(pace, clock, steps))

    assert most_within(sends, 1.0) <= bound + max(1.0, bound / 10) + HAIR


@given(st.integers(1, 6000), STEPS)
def test_a_minute_never_has_more_than_its_bound(bound: int, steps: list[float]) -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_minute=bound), clock)

    sends = list(send_all(pace, clock, steps))

    assert most_within(sends, 60.0) <= bound


@given(st.tuples(st.floats(0, 10), st.floats(0, 10)), STEPS, SEEDS)
def test_between_two_messages_is_never_less_than_the_spacing(
    bounds: tuple[float, float], steps: list[float], seed: int
) -> None:
    least, most = sorted(bounds)
    clock = FrozenClock(NOON)
    pace = made(Pacing(spacing=(least, most)), clock, seed=seed)

    sends = list(send_all(pace, clock, steps))

    times = [0.0, *(at for at, _ in sends)]
    assert all(n == 1 for _, n in sends)
    assert all(later - at >= least - HAIR for at, later in pairwise(times))


def test_spacing_varies_between_its_bounds() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(spacing=(2.0, 4.0)), clock)

    times = [at for at, _ in send_for(pace, clock, 600)]
    gaps = [later - at for at, later in pairwise(times)]

    assert min(gaps) >= 2.0
    assert max(gaps) <= 4.0 + 0.02 + HAIR
    assert max(gaps) - min(gaps) > 1.5
    assert sum(gaps) / len(gaps) == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize(("bound", "seconds"), [(70.0, 20), (1000.0, 5), (0.5, 100)])
def test_a_steady_look_gets_the_whole_rate_of_a_second(bound: float, seconds: int) -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=bound), clock)

    sent = sum(n for _, n in send_for(pace, clock, seconds))

    assert sent == pytest.approx(bound * seconds, rel=0.02)


@pytest.mark.parametrize("bound", [1, 20, 600, 4200])
def test_a_steady_look_gets_nearly_the_whole_of_a_minute(bound: int) -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_minute=bound), clock)

    clock.advance(HOUR)

    sends = send_for(pace, clock, 600, step=0.25)

    assert 0.97 * bound * 10 <= sum(n for _, n in sends) <= bound * 10 + 70
    assert most_within(sends, 60.0) <= bound


def test_what_goes_is_spread_over_the_second_not_sent_at_its_beginning() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=70), clock)
    clock.advance(HOUR)

    assert pace.room() == 7


def test_a_new_start_is_no_way_to_send_more() -> None:
    clock = FrozenClock(NOON)
    pacing = Pacing(per_second=50, per_minute=600, spacing=None)
    sends: Sends = []

    for _ in range(100):
        sends += send_for(made(pacing, clock), clock, 0.5)

    assert most_within(sends, 1.0) <= 55
    assert most_within(sends, 60.0) <= 600


def test_a_new_start_waits_for_the_spacing() -> None:
    clock = FrozenClock(NOON)
    pace = made(DEFAULTS[Profile.LINKED], clock, made_at=NOON - 365 * DAY)

    assert pace.room() == 0
    assert 2.0 <= pace.wait() <= 4.0


def test_a_wait_is_as_long_as_it_takes_to_have_room() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=2, per_minute=60, spacing=(0.1, 0.2)), clock)

    for _ in range(20):
        assert pace.room() == 0
        clock.advance(timedelta(seconds=pace.wait()))
        assert pace.room() == 1
        assert pace.wait() == pytest.approx(0, abs=HAIR)
        pace.take(1)


def test_an_unpaced_device_always_has_room() -> None:
    clock = FrozenClock(NOON)
    pace = made(DEFAULTS[Profile.SANDBOX], clock)
    pace.take(100_000)

    assert (pace.room(), pace.wait(), pace.rests_until()) == (UNBOUNDED, 0.0, None)


def test_a_day_has_no_more_than_its_cap_and_the_next_begins_anew() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(daily_cap=10), clock, sent=7)

    assert pace.room() == 3
    pace.take(3)
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    assert (pace.room(), pace.rests_until()) == (0, midnight)
    assert pace.wait() == 12 * 3600

    clock.advance(timedelta(seconds=pace.wait()))
    assert (pace.room(), pace.sent_today, pace.rests_until()) == (10, 0, None)


def test_a_count_that_was_kept_is_believed() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(daily_cap=10), clock)

    pace.take(2)
    pace.correct(9)

    assert (pace.sent_today, pace.room()) == (9, 1)


def test_a_cap_that_was_lowered_below_what_went_leaves_nothing() -> None:
    clock = FrozenClock(NOON)

    assert made(Pacing(daily_cap=5), clock, sent=7).room() == 0


def test_a_new_device_warms_up_day_by_day() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(daily_cap=1000, warm_up=WarmUp(days=14, first_day=20)), clock)

    allowed = []
    for _ in range(16):
        allowed.append(pace.room())
        clock.advance(DAY)

    assert (allowed[0], allowed[13], allowed[14], allowed[15]) == (20, 756, 1000, 1000)
    growth = [after / before for before, after in pairwise(allowed[:15])]
    assert all(step == pytest.approx(50 ** (1 / 14), rel=0.03) for step in growth)


def test_nothing_goes_in_quiet_hours_across_midnight() -> None:
    quiet = QuietHours(time(21), time(8), ZoneInfo("Africa/Johannesburg"))
    clock = FrozenClock(datetime(2026, 3, 4, 18, 59, 59, tzinfo=UTC))
    pace = made(Pacing(quiet_hours=quiet), clock)

    assert pace.room() == UNBOUNDED
    clock.advance(timedelta(seconds=1))
    assert pace.room() == 0
    assert pace.rests_until() == datetime(2026, 3, 5, 6, tzinfo=UTC)
    clock.advance(timedelta(seconds=pace.wait()))
    assert (pace.room(), clock.now().hour) == (UNBOUNDED, 6)


def test_a_day_that_begins_in_quiet_hours_begins_after_them() -> None:
    quiet = QuietHours(time(23), time(7), ZoneInfo("UTC"))
    clock = FrozenClock(NOON)
    pace = made(Pacing(daily_cap=1, quiet_hours=quiet), clock, sent=1)

    assert pace.rests_until() == datetime(2026, 3, 5, 7, tzinfo=UTC)


def test_a_device_that_was_too_fast_goes_at_half_of_its_pace_each_time() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=64), clock)

    rates = []
    for _ in range(3):
        pace.slow()
        rates.append(sum(count for _, count in send_for(pace, clock, 10, step=0.005)))

    assert rates == [pytest.approx(seconds * 10, rel=0.02) for seconds in (32, 16, 8)]


def test_a_slowed_second_never_has_more_than_its_bound_and_a_tenth() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=64), clock)
    clock.advance(DAY)

    pace.slow()
    sends = send_for(pace, clock, 50)

    assert most_within(sends, 1.0) <= 32 + 3.2


@pytest.mark.parametrize(("bound", "least"), [(64.0, 1.0), (0.5, 0.5)])
def test_it_never_comes_to_a_stop(bound: float, least: float) -> None:
    pace = made(Pacing(per_second=bound), FrozenClock(NOON))

    for _ in range(20):
        pace.slow()

    assert pace.rate == least


def test_each_quiet_minute_gives_back_a_tenth_of_the_whole_rate() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=70), clock)
    pace.slow()

    rates = [pace.rate]
    for _ in range(6):
        clock.advance(timedelta(seconds=60))
        rates.append(pace.rate)

    assert rates == [35.0, 42.0, 49.0, 56.0, 63.0, 70.0, 70.0]
    assert sum(count for _, count in send_for(pace, clock, 10)) == pytest.approx(700, rel=0.02)


def test_a_minute_in_which_it_was_too_fast_again_is_not_quiet() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=80), clock)

    pace.slow()
    clock.advance(timedelta(seconds=59))
    pace.slow()
    clock.advance(timedelta(seconds=59))
    assert pace.rate == 20.0
    clock.advance(timedelta(seconds=1))
    assert pace.rate == 28.0


def test_what_has_no_pace_of_its_own_is_slowed_down_for_a_while_too() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(), clock)

    for _ in range(4):
        pace.slow()
    assert not pace.is_free
    assert (pace.room(), pace.rate) == (0, 62.5)
    assert sum(count for _, count in send_for(pace, clock, 10)) == pytest.approx(625, rel=0.02)

    clock.advance(HOUR)
    assert (pace.is_free, pace.room(), pace.wait()) == (True, UNBOUNDED, 0.0)


def test_a_slowed_device_keeps_to_its_other_bounds() -> None:
    clock = FrozenClock(NOON)
    pace = made(Pacing(per_second=64, daily_cap=5), clock)

    pace.slow()

    assert sum(count for _, count in send_for(pace, clock, 10)) == 5
