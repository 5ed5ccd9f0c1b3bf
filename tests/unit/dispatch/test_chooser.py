"""Which device carries which message, and which messages wait for theirs."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from waypost.dispatch.chooser import Chooser, Load, Seating, Seats, Wish
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed
from waypost.messages.store_progress import Text
from waypost.queue.model import Job, Reference, lane_of

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
UNTIL = 5.0
LOADS = st.dictionaries(
    st.integers(1, 50),
    st.builds(Load, st.integers(0, 40), st.integers(0, 30), st.integers(0, 5), st.floats(0, 9)),
    max_size=6,
)


def message(number: int) -> Claimed:
    id = UUID(int=number)
    text = Text(
        account_id=1,
        id=id,
        recipient=f"2782{number:07}",
        body="Hello",
        created_at=NOON,
        expires_at=NOON + timedelta(days=1),
        status=Status.QUEUED,
        device_id=None,
        wanted_device_id=None,
        marked_at=None,
        may_repeat=True,
        content=None,
    )
    return Claimed(Job(number, lane_of(1), Reference(1, number, id)), text)


def wishes(*devices: int | None, until: float = UNTIL) -> list[Wish]:
    return [Wish(message(n), device, until) for n, device in enumerate(devices)]


def ids(seating: Seating) -> list[int]:
    return [device_id for _, device_id in seating.seated]


def free(loads: dict[int, Load], most: int) -> list[int]:
    """By which devices so many messages go that know none."""
    return ids(Chooser().seat(Seats(loads), wishes(*[None] * most), now=0))


def test_the_least_loaded_comes_first_then_they_take_turns() -> None:
    loads = {1: Load(2, 8), 2: Load(0, 10), 3: Load(1, 9)}

    assert free(loads, 6) == [2, 2, 3, 1, 2, 3]


def test_of_equals_the_one_that_rested_longest_comes_first() -> None:
    loads = {1: Load(0, 5, used_at=30), 2: Load(0, 5, used_at=10), 3: Load(0, 5, used_at=20)}

    assert free(loads, 4) == [2, 3, 1, 2]


def test_a_message_for_which_there_is_no_room_goes_back() -> None:
    seating = Chooser().seat(Seats({1: Load(0, 1), 2: Load(3, 0)}), wishes(None, None), now=0)

    assert (ids(seating), len(seating.back)) == ([1], 1)


def test_a_message_goes_by_the_device_that_its_recipient_knows_however_loaded() -> None:
    loads = {1: Load(9, 1), 2: Load(0, 10)}

    assert ids(Chooser().seat(Seats(loads), wishes(1, None, None), now=0)) == [1, 2, 2]


def test_a_device_that_is_away_is_not_waited_for() -> None:
    chooser = Chooser()

    assert ids(chooser.seat(Seats({2: Load(0, 10, queue=5)}), wishes(1), now=0)) == [2]
    assert chooser.waiting == []


def test_a_message_waits_for_its_busy_device_and_goes_before_what_came_later() -> None:
    chooser = Chooser()
    busy, relieved = {1: Load(10, 0, queue=5), 2: Load(0, 9)}, {1: Load(9, 1, queue=5)}

    assert ids(chooser.seat(Seats(busy), wishes(1), now=0)) == []
    seats = Seats(relieved)
    assert ids(chooser.seat_waiting(seats, now=1)) == [1]
    assert seats.left == 0
    assert chooser.waiting == []


def test_no_more_wait_for_a_device_than_its_queue_holds() -> None:
    chooser = Chooser()
    loads = {1: Load(10, 0, queue=2), 2: Load(0, 9)}

    assert ids(chooser.seat(Seats(loads), wishes(1, 1, 1, 1), now=0)) == [2, 2]
    assert ids(chooser.seat(Seats(loads), wishes(1), now=0)) == [2]
    assert len(chooser.waiting) == 2


def test_who_waited_long_enough_goes_by_any_device() -> None:
    chooser = Chooser()
    loads = {1: Load(10, 0, queue=5), 2: Load(0, 9)}
    chooser.seat(Seats(loads), wishes(1), now=0)

    assert ids(chooser.seat_waiting(Seats(loads), now=UNTIL - 0.1)) == []
    assert ids(chooser.seat_waiting(Seats(loads), now=UNTIL)) == [2]


def test_who_waited_long_enough_goes_back_where_no_device_has_room() -> None:
    chooser = Chooser()
    loads = {1: Load(10, 0, queue=5)}
    chooser.seat(Seats(loads), wishes(1), now=0)

    seating = chooser.seat_waiting(Seats(loads), now=UNTIL)

    assert (len(seating.back), seating.seated, chooser.waiting) == (1, [], [])


def test_when_a_device_goes_away_what_waited_for_it_goes_by_others() -> None:
    chooser = Chooser()
    chooser.seat(Seats({1: Load(10, 0, queue=5), 2: Load(0, 9)}), wishes(1), now=0)

    assert ids(chooser.seat_waiting(Seats({2: Load(0, 9)}), now=1)) == [2]


@given(LOADS, st.lists(st.none() | st.integers(1, 60), max_size=60))
def test_room_and_queues_are_kept_and_nothing_is_lost(
    loads: dict[int, Load], wanted: list[int | None]
) -> None:
    chooser, seats = Chooser(), Seats(loads)
    seating = chooser.seat(seats, wishes(*wanted), now=0)

    seated = Counter(ids(seating))
    waiting = Counter(wish.device_id for wish in chooser.waiting)
    assert all(n <= loads[id].room for id, n in seated.items())
    assert all(id is not None and n <= loads[id].queue for id, n in waiting.items())
    assert seats.left == sum(load.room for load in loads.values()) - seated.total()
    assert not (seating.back and seats.left)
    everyone = [claimed.job.id for claimed, _ in seating.seated]
    everyone += [claimed.job.id for claimed in seating.back]
    everyone += [wish.claimed.job.id for wish in chooser.waiting]
    assert sorted(everyone) == list(range(len(wanted)))


@given(LOADS, st.integers(0, 200))
def test_nobody_gets_one_while_another_with_room_has_less(
    loads: dict[int, Load], most: int
) -> None:
    chosen = Counter(free(loads, most))

    assert chosen.total() == min(most, sum(load.room for load in loads.values()))
    after = {id: load.in_flight + chosen[id] for id, load in loads.items()}
    with_room = [after[id] for id, load in loads.items() if chosen[id] < load.room]
    if with_room and chosen:
        assert max(after[id] for id in chosen) <= min(with_room) + 1
