"""Ids are UUIDs of version 7 that grow, whatever the clock does, and are read back strictly."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.clock import FrozenClock, SystemClock
from waypost.kit.ids import Ids, first_id_at, ids_near, parse, show

NOW = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)

# The example of RFC 9562, appendix A.6, and its moment.
EXAMPLE = UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
HOUR = timedelta(hours=1)
ITS_MOMENT = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)

SHOWN = "017f22e279b07cc398c4dc0c0c07398f"

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
steps = st.timedeltas(timedelta(days=-2), timedelta(days=2))


def moment_of(id: UUID) -> datetime:
    """When an id was made, read as RFC 9562 lays it out: its first 48 bits are milliseconds."""
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def bits(id: UUID, first: int, last: int) -> int:
    """The bits from `first` to `last` of an id, counted as the RFC does: 0 is the highest."""
    return id.int >> (127 - last) & ((1 << (last - first + 1)) - 1)


def ids_at(at: datetime, random: bytes = bytes(8)) -> Ids:
    return Ids(FrozenClock(at), lambda size: random[:size])


def test_each_bit_stands_where_the_rfc_puts_it() -> None:
    ids = ids_at(ITS_MOMENT, b"\xab" * 8)
    [first, second] = [ids.new(), ids.new()]

    assert bits(first, 0, 47) == bits(EXAMPLE, 0, 47) == 0x017F22E279B0
    assert bits(first, 48, 51) == 0b0111
    assert [bits(first, 52, 63), bits(second, 52, 63)] == [0, 1]
    assert bits(first, 64, 65) == 0b10
    assert bits(first, 66, 127) == int.from_bytes(b"\xab" * 8) >> 2


@given(moments, st.binary(min_size=8, max_size=8))
def test_an_id_is_a_version_7_uuid_of_its_moment_whatever_chance_gives(
    at: datetime, random: bytes
) -> None:
    id = ids_at(at, random).new()

    assert (id.version, id.variant) == (7, uuid.RFC_4122)
    assert moment_of(id) == at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_ids_grow_while_the_clock_stands_still_even_past_the_counter() -> None:
    ids = ids_at(NOW)
    made = [ids.new() for _ in range(2 * 4096 + 1)]

    assert all(before < after for before, after in pairwise(made))
    assert {id.version for id in made} == {7}
    assert moment_of(made[-1]) == NOW + timedelta(milliseconds=2)


@given(st.lists(steps, max_size=30))
def test_ids_grow_however_the_clock_jumps(jumps: list[timedelta]) -> None:
    clock = FrozenClock(NOW)
    ids = Ids(clock)
    made = [ids.new()]
    for jump in jumps:
        clock.advance(jump)
        made.append(ids.new())

    assert all(before < after for before, after in pairwise(made))


def test_a_clock_that_went_on_is_followed_again() -> None:
    clock = FrozenClock(NOW)
    ids = Ids(clock)
    for step in (timedelta(), timedelta(seconds=-9), timedelta(seconds=10)):
        clock.advance(step)
        last = ids.new()

    assert moment_of(last) == NOW + timedelta(seconds=1)


def test_a_clock_before_1970_still_gives_ids() -> None:
    ids = ids_at(datetime(1, 1, 1, tzinfo=UTC))

    assert ids.new() < ids.new()


def test_two_processes_that_share_a_moment_make_different_ids() -> None:
    clock = FrozenClock(NOW)

    assert Ids(clock).new() != Ids(clock).new()


def test_an_id_is_shown_behind_its_prefix_and_read_back() -> None:
    id = Ids(SystemClock()).new()

    assert show("msg", id) == f"msg_{id.hex}"
    assert parse("msg", show("msg", id)) == id
    assert parse("msg", f"msg_{SHOWN}") == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "msg",
        "msg_",
        SHOWN,
        f"_{SHOWN}",
        f"bat_{SHOWN}",
        f"MSG_{SHOWN}",
        f"msg-{SHOWN}",
        f"msg_msg_{SHOWN}",
        f" msg_{SHOWN}",
        f"msg_{SHOWN}\n",
        f"msg_{SHOWN}\0",
        f"msg_ {SHOWN[1:]}",
        f"msg_+{SHOWN[1:]}",
        f"msg_0x{SHOWN[2:]}",
        f"msg_{SHOWN[:4]}_{SHOWN[5:]}",
        f"msg_{SHOWN[:-1]}",
        f"msg_{SHOWN}0",
        f"msg_{SHOWN.upper()}",
        f"msg_{EXAMPLE}",
        f"msg_{{{EXAMPLE}}}",
        f"msg_{SHOWN[:-1]}g",
        f"msg_{SHOWN[:-1]}\N{ARABIC-INDIC DIGIT ONE}",
        f"msg_{SHOWN[:-1]}\N{FULLWIDTH DIGIT ONE}",
        f"msg_{SHOWN[:12]}4{SHOWN[13:]}",
        f"msg_{SHOWN[:12]}1{SHOWN[13:]}",
        f"msg_{SHOWN[:16]}c{SHOWN[17:]}",
        f"msg_{SHOWN[:16]}0{SHOWN[17:]}",
        f"msg_{'0' * 32}",
        f"msg_{'f' * 32}",
    ],
)
def test_anything_else_cannot_be_an_id(text: str) -> None:
    assert parse("msg", text) is None


@given(st.text(st.sampled_from("0123456789abcdefABCDEF_-\n٣"), min_size=31, max_size=33))
def test_what_is_read_is_what_would_be_shown(digits: str) -> None:
    id = parse("msg", f"msg_{digits}")

    assert id is None or show("msg", id) == f"msg_{digits}"


@given(moments, st.binary(min_size=8, max_size=8))
def test_the_first_id_of_a_moment_bounds_its_ids_from_below(at: datetime, random: bytes) -> None:
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    later = at + timedelta(milliseconds=1)

    assert moment_of(first_id_at(at)) == at
    assert first_id_at(at) <= ids_at(at, random).new() < first_id_at(later)


@given(moments, st.timedeltas(-timedelta(days=1), timedelta(days=1)))
def test_a_bound_with_slack_is_so_far_from_the_moment(at: datetime, slack: timedelta) -> None:
    slack = timedelta(seconds=round(slack.total_seconds()))

    assert first_id_at(at, slack) == first_id_at(at + slack)


def test_slack_leads_to_no_moment_that_cannot_be() -> None:
    day = timedelta(days=1)

    assert first_id_at(datetime.min.replace(tzinfo=UTC), -day) == UUID(int=0)
    last = datetime.max.replace(tzinfo=UTC)
    assert first_id_at(last, day) > first_id_at(last)


def test_the_same_moment_has_the_same_bound_in_every_time_zone() -> None:
    elsewhere = ITS_MOMENT.astimezone(timezone(timedelta(hours=-5)))

    assert first_id_at(elsewhere) == first_id_at(ITS_MOMENT)


@pytest.mark.parametrize("year", [1, 1969])
def test_a_moment_before_all_ids_is_bounded_by_the_lowest(year: int) -> None:
    assert first_id_at(datetime(year, 1, 1, tzinfo=UTC)) == UUID(int=0)


def test_a_moment_after_all_ids_is_a_bound_that_a_uuid_can_hold() -> None:
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-14)))

    assert Ids(SystemClock()).new() < first_id_at(last)


@given(
    moments.filter(lambda at: at >= datetime(1970, 1, 2, tzinfo=UTC)),
    st.timedeltas(timedelta(minutes=-20), timedelta(minutes=20)),
)
def test_what_was_made_near_an_id_lies_within_its_bounds(at: datetime, away: timedelta) -> None:
    slack = timedelta(minutes=10)
    id, other = ids_at(at).new(), ids_at(at + away, b"\xff" * 8).new()

    first, last = ids_near(id, slack)

    assert first <= id <= last
    assert (first <= other <= last) == (abs(moment_of(other) - moment_of(id)) <= slack)


def test_the_bounds_around_the_first_and_the_last_id_are_ids() -> None:
    first, last = ids_near(UUID(int=0), timedelta(minutes=1)), ids_near(UUID(int=2**128 - 1), HOUR)

    assert (first[0].int, last[1].int) == (0, 2**128 - 1)
