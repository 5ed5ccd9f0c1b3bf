"""Places are counted in front, and estimated by samples further back."""

from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.queue.places import (
    EXACT_UP_TO,
    SAMPLE_SIZE,
    Ahead,
    Curve,
    Sample,
    curve,
    cuts,
    middles,
    place,
)

FOUND = st.tuples(st.integers(0, SAMPLE_SIZE), st.integers(0, 10**6))
PRIORITIES = st.integers(-(2**31), 2**31 - 1)


@given(st.lists(PRIORITIES, max_size=50), PRIORITIES)
def test_without_a_curve_all_that_goes_before_is_counted(due: list[int], priority: int) -> None:
    assert Ahead(due).of(priority) == sum(each >= priority for each in due)


@pytest.mark.parametrize(
    ("before", "in_chain", "expected"),
    [(0, 0, 1), (41, 0, 42), (0, 1, 2), (1, 1, 2), (0, 5, 6), (10, 5, 15), (3, 5, 8)],
)
def test_a_place_is_behind_what_is_due_and_behind_its_own_chain(
    before: int, in_chain: int, expected: int
) -> None:
    assert place(before, in_chain) == expected


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32))
def test_cuts_go_down_from_the_edge_to_the_lowest(edge: int, reach: int) -> None:
    found = cuts(edge, edge - reach)

    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (edge - 1, edge - 1 - reach)
    for (high, low), middle in zip(pairwise(found), middles(found), strict=True):
        assert low <= middle <= high


def lane(*flows: tuple[int, int]) -> list[int]:
    """The negated priorities of a lane: each flow has so many jobs, so far apart."""
    return sorted(1000 + apart * n for size, apart in flows for n in range(size))


def estimated(jobs: list[int], lowest: int) -> Curve:
    """The curve, by the samples that the lane gives."""
    parts = cuts(-jobs[EXACT_UP_TO], -lowest)
    samples = []
    for middle in middles(parts):
        first = bisect_left(jobs, -middle)
        some = jobs[first : first + SAMPLE_SIZE]
        samples.append(Sample(middle, len(some), -some[-1] if some else middle))
    return curve(EXACT_UP_TO + 1, parts, samples)


@pytest.mark.parametrize(
    "flows",
    [
        [(20_000, 100)],
        [(20_000, 100), (20_000, 100)],
        [(20_000, 100), (2000, 50)],
        [(20_000, 100), *[(200, 100)] * 40],
        [(5000 // weight, 100 // weight) for weight in (1, 2, 5, 10)],
        [*[(1, 1)] * 1500, (5000, 100)],
    ],
)
def test_an_estimate_is_near_the_truth(flows: list[tuple[int, int]]) -> None:
    jobs = lane(*flows)
    ahead = Ahead([-job for job in jobs[: EXACT_UP_TO + 1]], estimated(jobs, jobs[-1]))

    for n in range(EXACT_UP_TO, len(jobs), 500):
        truth = bisect_left(jobs, jobs[n] + 1)
        assert ahead.of(-jobs[n]) == pytest.approx(truth, rel=0.35), n


@given(
    st.integers(0, 10**6),
    st.lists(
        st.tuples(st.integers(0, SAMPLE_SIZE), st.integers(0, 10**6)), min_size=12, max_size=12
    ),
)
def test_an_estimate_never_falls_from_one_priority_to_a_lower(
    reach: int, found: list[tuple[int, int]]
) -> None:
    parts = cuts(0, -reach)
    samples = [
        Sample(middle, due, middle - down)
        for middle, (due, down) in zip(middles(parts), found, strict=True)
    ]
    ahead = Ahead([], curve(1001, parts, samples))

    places = [ahead.of(-n) for n in range(1, reach + 100, max(1, reach // 50))]

    assert places == sorted(places)
    assert places[0] >= 1001
