"""How long a message waits after an attempt that did not go."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from waypost.queue.backoff import FIRST, LONGEST, delay

ATTEMPTS = st.integers(1, 10_000_000)
RANDOM = st.floats(0, 1)


@given(ATTEMPTS, RANDOM)
def test_a_wait_lies_between_half_the_first_and_the_longest(attempt: int, random: float) -> None:
    assert FIRST / 2 <= delay(attempt, random) <= LONGEST


@given(st.integers(1, 100), RANDOM)
def test_with_the_same_luck_later_attempts_never_wait_less(attempt: int, random: float) -> None:
    assert delay(attempt, random) <= delay(attempt + 1, random)


def test_waits_double_until_the_longest() -> None:
    waits = [delay(attempt, 1) for attempt in (1, 2, 3, 9, 10)]

    assert waits == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 256, 300)]


def test_luck_spreads_what_failed_together() -> None:
    assert delay(4, 0) == timedelta(seconds=4)
    assert delay(4, 1) == timedelta(seconds=8)
