"""What stays of an account's messages gets the last running numbers of what goes."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from waypost.messages.retention import moved_up
from waypost.messages.store_retention import Numbered

numbers = st.sets(st.integers(1, 50), max_size=20)


def stays(*numbers: int) -> list[Numbered]:
    return [Numbered(7, UUID(int=1000 + number), number) for number in numbers]


def test_what_stays_closes_up_to_what_follows() -> None:
    moved = moved_up(10, stays(2, 5, 9))

    assert [(m.id.int - 1000, m.number) for m in moved] == [(2, 8), (5, 9), (9, 10)]


def test_what_has_its_number_already_is_left_alone() -> None:
    assert moved_up(10, stays(8, 9, 10)) == []
    assert [m.number for m in moved_up(10, stays(8, 10))] == [9]
    assert moved_up(10, []) == []


@given(numbers)
def test_the_order_is_kept_and_the_numbers_adjoin(given: set[int]) -> None:
    before = stays(*given)
    moved = {m.id: m.number for m in moved_up(50, before)}
    after = [moved.get(m.id, m.number) for m in sorted(before, key=lambda m: m.number)]

    assert after == list(range(50 - len(given) + 1, 51))
