"""A message's place is the number of those that go before it: counted, or well estimated."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from random import Random

import pytest

from tests.database.queue.yard import ALICE, BOB, CAROL, LANE, OTHER, Yard, about, entry
from waypost.queue.model import Entry, Kind, Reference

_NUMBERS = count(1)


def some(size: int, account: int = ALICE, weight: int = 1) -> list[Entry]:
    """Messages of a bulk to as many recipients."""
    return [entry(next(_NUMBERS), None, account, weight=weight) for _ in range(size)]


async def true_place(yard: Yard, message: Reference) -> int:
    """How many jobs stand before the message's, and itself."""
    place: int = await yard.connection.fetchval(
        "select count(*) from pgqueuer j, pgqueuer mine where mine.payload = $1"
        " and j.entrypoint = mine.entrypoint and (-j.priority, j.id) <= (-mine.priority, mine.id)",
        message.pack(),
    )
    return place


async def test_places_follow_each_other_from_one_push_to_the_next(yard: Yard) -> None:
    assert (await yard.push(*some(3))).places == [1, 2, 3]
    assert (await yard.push(*some(2))).places == [4, 5]
    assert (await yard.push(entry(next(_NUMBERS), lane=OTHER))).places == [1]


async def test_places_are_by_whose_turn_it_is(yard: Yard) -> None:
    await yard.push(*some(10))

    pushed = await yard.push(*some(3, BOB), entry(next(_NUMBERS), account=CAROL, kind=Kind.SINGLE))

    assert pushed.places == [2, 5, 7, 3]


async def test_each_place_is_the_one_at_which_the_message_is_claimed(yard: Yard) -> None:
    random = Random(5)
    entries = [
        entry(next(_NUMBERS), None, random.randint(1, 4), random.choice(list(Kind)), 3)
        for _ in range(300)
    ]
    await yard.push(*some(50, weight=2))
    await yard.take(7)

    places = (await yard.push(*entries)).places

    order = await yard.in_lane()
    assert places == [1 + order.index(each.about.message_id.int) for each in entries]
    for each, place in list(zip(entries, places, strict=True))[::30]:
        assert await yard.place(each.about) == place


async def test_what_is_parked_has_its_place_behind_its_chain(yard: Yard) -> None:
    chain = await yard.push(entry(1, to=7), entry(2, to=7), *some(2), entry(3, to=7))
    later = await yard.push(entry(4, to=7))

    assert chain.places == [1, 2, 2, 3, 5]
    assert later.places == [6]
    assert [await yard.place(about(n, 7)) for n in (1, 2, 3, 4)] == [1, 2, 5, 6]

    await yard.claim(9)
    assert [await yard.place(about(n, 7)) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]


async def test_what_waits_for_its_next_try_stands_in_nobodys_way(yard: Yard) -> None:
    await yard.push(*some(1500), entry(5, account=BOB))
    await yard.retry(*await yard.claim(1501), delay=timedelta(hours=1))

    pushed = await yard.push(*some(2, CAROL))

    assert pushed.places == [1, 2]


async def test_what_is_not_in_the_queue_has_no_place(yard: Yard) -> None:
    await yard.push(entry(1))

    assert await yard.place(about(2, 1)) is None


async def test_places_are_exact_as_far_as_1000_and_estimated_from_there(yard: Yard) -> None:
    places = (await yard.push(*some(999))).places
    places += (await yard.push(*some(1))).places
    assert places == list(range(1, 1001))

    places = (await yard.push(*some(4000))).places
    assert places == list(range(1001, 5001))
    (place,) = (await yard.push(*some(1))).places

    assert place == pytest.approx(5001, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
async def test_an_estimate_is_near_the_truth_however_the_lane_is_mixed(
    yard: Yard, seed: int
) -> None:
    await fill(yard, Random(seed))
    await yard.take(200)

    estimates = [await estimate(yard, some(size, account)) for account, size in BULKS]

    assert [place / truth for place, truth in estimates] == pytest.approx(
        [1] * len(BULKS), abs=0.25
    )


BULKS = [(1, 1), (1, 100), (9, 1), (9, 200), (30, 50), (30, 200)]


async def fill(yard: Yard, random: Random) -> None:
    """Twenty flows of different lengths and weights."""
    for account in range(1, 21):
        await yard.push(*some(random.choice([20, 100, 400, 1500]), account, 1 + account % 4))


async def estimate(yard: Yard, entries: Sequence[Entry]) -> tuple[int, int]:
    place = (await yard.push(*entries)).places[-1]
    return place, await true_place(yard, entries[-1].about)


async def test_a_place_that_is_asked_for_later_is_estimated_as_well(yard: Yard) -> None:
    await fill(yard, Random(7))
    entries = some(200, 40)
    await yard.push(*entries)

    place = await yard.place(entries[-1].about, LANE)

    assert place == pytest.approx(await true_place(yard, entries[-1].about), rel=0.25)


async def test_a_thousand_jobs_that_wait_for_their_next_try_hide_no_place(yard: Yard) -> None:
    await yard.push(*some(1100, BOB, 100))
    await yard.retry(*await yard.claim(1100), delay=timedelta(hours=1))
    await yard.push(*some(1300, CAROL))

    first, *_, last = (await yard.push(*some(1300))).places

    assert first == 2
    assert last == pytest.approx(2600, rel=0.2)
