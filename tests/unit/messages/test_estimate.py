"""When a message will leave, by what is ahead of it and how fast that goes."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from waypost.messages.estimate import leaves_at

NOW = datetime(2031, 5, 20, 10, 45, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("ahead", "rate", "seconds"),
    [(0, 0.5, 0), (1, 0.5, 2), (100, 1000.0, 0.1), (3000, 70.0, 3000 / 70), (1_000_000, inf, 0)],
)
def test_what_is_ahead_goes_first(ahead: int, rate: float, seconds: float) -> None:
    assert leaves_at(ahead, rate, NOW, TOMORROW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("ahead", [0, 1, 1000])
def test_nobody_can_tell_where_no_device_can_send(ahead: int) -> None:
    assert leaves_at(ahead, 0.0, NOW, TOMORROW) is None


def test_what_would_expire_before_its_turn_is_promised_no_time() -> None:
    assert leaves_at(86_399, 1.0, NOW, TOMORROW) == TOMORROW - timedelta(seconds=1)
    assert leaves_at(86_400, 1.0, NOW, TOMORROW) is None
    assert leaves_at(1_000_000_000, 0.000_001, NOW, TOMORROW) is None
