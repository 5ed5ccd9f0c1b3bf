"""What a message costs its flow, and which priority its tag is."""

from itertools import accumulate
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.queue.fairness import (
    HIGHEST,
    LOWEST,
    ROOM,
    STEP,
    UNIT,
    charges,
    cost,
    priorities,
    priority,
)
from waypost.queue.model import Entry, Kind, Reference, chain_of, lane_of

WEIGHTS = st.integers(1, 100)
TAGS = st.integers(0, 2**62)
LANE = lane_of(1)


def entry(account_id: int, kind: Kind, weight: int) -> Entry:
    return Entry(LANE, Reference(account_id, chain_of(kind, "27821234567"), UUID(int=1)), weight)


ENTRIES = st.lists(st.builds(entry, st.integers(1, 4), st.sampled_from(Kind), WEIGHTS), max_size=30)


@pytest.mark.parametrize(
    ("kind", "weight", "charged"),
    [
        (Kind.BULK, 1, UNIT),
        (Kind.BULK, 2, UNIT // 2),
        (Kind.SINGLE, 1, UNIT // 10),
        (Kind.SINGLE, 100, UNIT // 1000),
    ],
)
def test_a_message_costs_the_less_the_more_its_account_weighs(
    kind: Kind, weight: int, charged: int
) -> None:
    assert cost(kind, weight) == charged


@given(st.sampled_from(Kind), WEIGHTS)
def test_a_cost_is_what_the_weight_says_to_one_in_a_hundred(kind: Kind, weight: int) -> None:
    assert cost(kind, weight) * weight == pytest.approx(cost(kind, 1), rel=0.01)


@given(TAGS, TAGS)
def test_the_lower_tag_never_has_the_lower_priority(one: int, other: int) -> None:
    low, high = sorted((one, other))

    assert priority(ROOM, low) >= priority(ROOM, high)


@given(st.integers(0, 2**62), TAGS)
def test_no_priority_is_more_than_its_column_holds(base: int, tag: int) -> None:
    assert LOWEST <= priority(base, tag) <= HIGHEST


@given(st.integers(0, ROOM * STEP))
def test_as_long_as_there_is_room_tags_a_step_apart_are_told_apart(tag: int) -> None:
    assert priority(ROOM, tag) == priority(ROOM, tag + STEP) + 1


@given(ENTRIES)
def test_a_flow_is_charged_for_each_of_its_messages(entries: list[Entry]) -> None:
    charged = charges(entries)

    assert sum(charged.values()) == sum(cost(e.about.kind, e.weight) for e in entries)
    assert set(charged) == {(e.about.account_id, e.about.kind, LANE) for e in entries}


@given(ENTRIES, st.integers(0, ROOM))
def test_each_flow_goes_on_from_its_own_clock(entries: list[Entry], start: int) -> None:
    starts = {flow: start + n for n, flow in enumerate(charges(entries))}

    found = priorities(entries, starts, {LANE: ROOM})

    for flow, clock in starts.items():
        own = [n for n, each in enumerate(entries) if each.flow == flow]
        costs = [cost(entries[n].about.kind, entries[n].weight) for n in own[:-1]]
        tags = accumulate(costs, initial=clock)
        assert [found[n] for n in own] == [priority(ROOM, tag) for tag in tags]
