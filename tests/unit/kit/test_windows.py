"""The windows in memory slide exactly, and are forgotten when nobody asks any more."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.clock import FrozenClock
from waypost.kit.config_values import Rate
from waypost.kit.windows import SWEEP_SECONDS, OwnWindows, Taken

TEN = Rate(10, 60)
BEGAN = 1_700_000_000.0


class Windows:
    """Ten a minute on a clock that is moved."""

    def __init__(self) -> None:
        self._clock = FrozenClock(datetime.fromtimestamp(BEGAN, UTC))
        self.own = OwnWindows(self.now)

    def now(self) -> float:
        return self._clock.now().timestamp()

    def advance(self, seconds: float) -> None:
        self._clock.advance(timedelta(seconds=seconds))

    async def take(self, key: str = "a") -> Taken:
        return await self.own.take(key, TEN)

    async def hit(self, key: str = "a") -> bool:
        return (await self.take(key)).allowed


@pytest.fixture
def windows() -> Windows:
    return Windows()


async def test_the_eleventh_in_a_window_is_refused(windows: Windows) -> None:
    assert [await windows.hit() for _ in range(11)] == [True] * 10 + [False]


async def test_one_is_allowed_again_when_the_oldest_has_left_and_not_before(
    windows: Windows,
) -> None:
    for _ in range(10):
        assert await windows.hit()
        windows.advance(5)
    windows.advance(9.75)
    assert not await windows.hit()
    windows.advance(0.25)

    assert [await windows.hit(), await windows.hit()] == [True, False]


async def test_a_window_has_no_border_where_twice_as_many_pass(windows: Windows) -> None:
    windows.advance(59)
    assert all([await windows.hit() for _ in range(10)])
    windows.advance(2)

    assert not await windows.hit()


async def test_a_refused_request_is_not_counted(windows: Windows) -> None:
    for _ in range(10):
        await windows.hit()
    windows.advance(59)
    for _ in range(5):
        assert not await windows.hit()
    windows.advance(1)

    assert [await windows.hit() for _ in range(10)] == [True] * 10


async def test_each_key_has_its_own_window(windows: Windows) -> None:
    for _ in range(10):
        await windows.hit("a")

    assert not await windows.hit("a")
    assert await windows.hit("b")


async def test_a_window_tells_how_many_count_and_when_the_oldest_leaves(windows: Windows) -> None:
    assert await windows.take() == Taken(True, 1, 60)
    windows.advance(20)

    assert await windows.take() == Taken(True, 2, 40)


async def test_a_refusal_tells_when_there_is_room_again(windows: Windows) -> None:
    for _ in range(10):
        await windows.hit()
    windows.advance(45)

    assert await windows.take() == Taken(False, 10, 15)


@given(st.lists(st.integers(0, 40), max_size=60))
async def test_no_minute_ever_holds_more_than_ten_and_none_is_refused_without_need(
    pauses: list[int],
) -> None:
    windows, taken = Windows(), list[float]()
    for pause in pauses:
        windows.advance(pause)
        recent = [at for at in taken if at > windows.now() - 60]

        assert await windows.hit() is (len(recent) < 10)

        if len(recent) < 10:
            taken.append(windows.now())


async def test_windows_that_nobody_asks_for_are_forgotten(windows: Windows) -> None:
    for number in range(1000):
        await windows.hit(f"old {number}")
    windows.advance(SWEEP_SECONDS - 1)
    await windows.hit("young")
    windows.advance(1)
    await windows.hit("now")

    assert len(windows.own._windows) == 2
    assert (await windows.take("young")).count == 2


async def test_a_window_that_was_forgotten_starts_anew(windows: Windows) -> None:
    for _ in range(10):
        await windows.hit()
    windows.advance(10 * SWEEP_SECONDS)
    await windows.hit("other")

    assert [await windows.hit() for _ in range(11)] == [True] * 10 + [False]
