"""Each month has its own range of ids: they adjoin, and an id falls into its moment's month."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.clock import FrozenClock
from waypost.kit.ids import Ids, first_id_at
from waypost.kit.months import AHEAD, Month, month_named, months_from, partition_sql, start_of

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def month_of(at: datetime) -> Month:
    return next(months_from(at))


def holds(month: Month, id: UUID) -> bool:
    return month.first <= id < month.end


@pytest.mark.parametrize(
    ("at", "name", "first", "end"),
    [
        ((2026, 3, 15), "2026_03", (2026, 3, 1), (2026, 4, 1)),
        ((2026, 1, 1), "2026_01", (2026, 1, 1), (2026, 2, 1)),
        ((2026, 2, 28), "2026_02", (2026, 2, 1), (2026, 3, 1)),
        ((2028, 2, 29), "2028_02", (2028, 2, 1), (2028, 3, 1)),
        ((2026, 1, 31), "2026_01", (2026, 1, 1), (2026, 2, 1)),
        ((2026, 12, 31, 23, 59, 59, 999_999), "2026_12", (2026, 12, 1), (2027, 1, 1)),
    ],
)
def test_a_month_reaches_from_its_first_day_to_the_next_months(
    at: tuple[int, ...], name: str, first: tuple[int, ...], end: tuple[int, ...]
) -> None:
    month = month_of(datetime(*at, tzinfo=UTC))

    assert month == Month(
        name, first_id_at(datetime(*first, tzinfo=UTC)), first_id_at(datetime(*end, tzinfo=UTC))
    )


def test_december_is_followed_by_january() -> None:
    names = [month.name for month in months_from(datetime(2026, 11, 30, tzinfo=UTC))]

    assert names == ["2026_11", "2026_12", "2027_01", "2027_02"]


@given(moments)
def test_a_month_is_known_by_its_name_and_its_start(at: datetime) -> None:
    month = month_of(at)

    assert month_named(f"{at:%Y_%m}") == month
    assert first_id_at(start_of(at)) == month.first


@pytest.mark.parametrize("ahead", [0, 1, 30])
def test_as_many_months_come_as_are_asked_for(ahead: int) -> None:
    now = datetime(2026, 3, 4, tzinfo=UTC)

    assert len(list(months_from(now, ahead))) == ahead + 1
    assert len(list(months_from(now))) == AHEAD + 1


@given(moments)
def test_months_adjoin_and_have_each_name_once(at: datetime) -> None:
    months = list(months_from(at, 25))

    assert all(before.end == after.first for before, after in pairwise(months))
    assert all(month.first < month.end for month in months)
    assert len({month.name for month in months}) == len(months)


@given(moments)
def test_an_id_falls_into_the_month_it_was_made_in_and_no_other(at: datetime) -> None:
    id = Ids(FrozenClock(at)).new()
    inside = [month.name for month in months_from(at - timedelta(days=70), 5) if holds(month, id)]

    assert inside == [f"{at:%Y_%m}"]


def test_the_border_lies_between_the_last_millisecond_and_the_next_months_first() -> None:
    midnight = datetime(2027, 1, 1, tzinfo=UTC)
    december, january = months_from(datetime(2026, 12, 31, tzinfo=UTC), 1)
    last = Ids(FrozenClock(midnight - timedelta(milliseconds=1)), lambda n: b"\xff" * n)
    first = Ids(FrozenClock(midnight), bytes)

    assert all(holds(december, last.new()) for _ in range(4096))
    assert holds(january, last.new()), "the 4097th id of a millisecond borrows from the next"
    assert holds(january, first.new())


def test_a_partition_is_made_once_for_its_range_with_room_for_updates() -> None:
    month = month_of(datetime(2026, 3, 4, tzinfo=UTC))

    assert partition_sql("messages", month, fill=50) == (
        "create table if not exists messages_2026_03 partition of messages "
        "for values from ('019ca6b1-dc00-0000-0000-000000000000') "
        "to ('019d4657-0000-0000-0000-000000000000') with (fillfactor = 50)"
    )
    assert partition_sql("messages", month).endswith("(fillfactor = 100)")
