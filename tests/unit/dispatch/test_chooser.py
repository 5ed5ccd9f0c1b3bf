"""Which devices carry the next messages."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from waypost.dispatch.chooser import Load, least_loaded

LOADS = st.dictionaries(
    st.integers(1, 50), st.builds(Load, st.integers(0, 40), st.integers(1, 30)), max_size=6
)


def test_the_least_loaded_comes_first_then_they_take_turns() -> None:
    loads = {1: Load(2, 10), 2: Load(0, 10), 3: Load(1, 10)}

    assert least_loaded(loads, 6) == [2, 2, 3, 1, 2, 3]


def test_no_device_no_place() -> None:
    assert least_loaded({}, 5) == []


@given(LOADS, st.integers(0, 200))
def test_windows_are_kept_and_filled(loads: dict[int, Load], most: int) -> None:
    chosen = Counter(least_loaded(loads, most))

    room = {id: max(0, load.window - load.in_flight) for id, load in loads.items()}
    assert all(chosen[id] <= room[id] for id in chosen)
    assert chosen.total() == min(most, sum(room.values()))


@given(LOADS, st.integers(0, 200))
def test_nobody_gets_one_while_another_with_room_has_less(
    loads: dict[int, Load], most: int
) -> None:
    chosen = Counter(least_loaded(loads, most))

    after = {id: load.in_flight + chosen[id] for id, load in loads.items()}
    with_room = [after[id] for id, load in loads.items() if after[id] < load.window]
    if with_room and chosen:
        assert max(after[id] for id in chosen) <= min(with_room) + 1
