"""The table of steps says what the contract's page says, and lets nothing be undone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.clock import SystemClock
from waypost.kit.ids import Ids
from waypost.messages.model import (
    STEPS,
    Class,
    Message,
    Status,
    may_step,
    parse_id,
    refunds,
    show_id,
)

LINE = [
    Status.SCHEDULED,
    Status.QUEUED,
    Status.SENDING,
    Status.SENT,
    Status.DELIVERED,
    Status.READ,
]
ENDS = {Status.FAILED, Status.CANCELLED, Status.EXPIRED}
ON_THE_LINE = [step for step in STEPS if set(step) <= set(LINE)]

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MESSAGE = Message(
    id=Ids(SystemClock()).new(),
    number=1,
    recipient="27821234567",
    body="Hello",
    kind=Class.SINGLE,
    pool_id=1,
    status=Status.QUEUED,
    is_held=False,
    attempts=0,
    device_id=None,
    template_id=None,
    batch_id=None,
    reference=None,
    error_code=None,
    error_message=None,
    created_at=NOW,
    updated_at=NOW,
    send_at=None,
    expires_at=NOW,
    sent_at=None,
    delivered_at=None,
    read_at=None,
)


def ways_out(of: Status) -> set[Status]:
    return {after for before, after in STEPS if before is of}


def ways_in(to: Status) -> set[Status]:
    return {before for before, after in STEPS if after is to}


def reachable(start: Status) -> set[Status]:
    """Where a message can come to from here."""
    found, waiting = {start}, [start]
    while waiting:
        new = ways_out(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def test_the_statuses_are_the_contracts_words() -> None:
    words = "Scheduled Queued Sending Sent Delivered Read Failed Cancelled Expired Uncertain"

    assert {status.value for status in Status} == set(words.split())


@pytest.mark.parametrize("step", list(pairwise(LINE)), ids=" to ".join)
def test_a_message_goes_forward_along_the_line(step: tuple[Status, Status]) -> None:
    assert may_step(*step)


def test_along_the_line_the_only_way_back_is_from_sending_to_queued() -> None:
    back = [step for step in ON_THE_LINE if LINE.index(step[0]) >= LINE.index(step[1])]

    assert back == [(Status.SENDING, Status.QUEUED)]


@pytest.mark.parametrize(
    "before", [Status.QUEUED, Status.SENDING, Status.SENT, Status.UNCERTAIN], ids=str
)
def test_once_it_left_us_news_may_skip_steps(before: Status) -> None:
    later = {Status.SENT, Status.DELIVERED, Status.READ} - {before}

    assert later <= ways_out(before)


def test_what_waits_for_its_time_only_comes_to_wait_for_a_device_or_ends() -> None:
    assert ways_out(Status.SCHEDULED) == {Status.QUEUED, Status.CANCELLED, Status.EXPIRED}
    assert ways_in(Status.SENDING) == {Status.QUEUED}


@pytest.mark.parametrize("end", sorted(ENDS | {Status.READ}))
def test_an_end_is_an_end(end: Status) -> None:
    assert ways_out(end) == set()


def test_uncertain_is_where_only_a_send_without_an_answer_leads() -> None:
    assert ways_in(Status.UNCERTAIN) == {Status.SENDING}
    assert ways_out(Status.UNCERTAIN) == {
        Status.SENT,
        Status.DELIVERED,
        Status.READ,
        Status.FAILED,
        Status.QUEUED,
    }


def test_what_was_delivered_never_fails() -> None:
    assert may_step(Status.SENT, Status.FAILED)
    assert not may_step(Status.DELIVERED, Status.FAILED)
    assert not may_step(Status.READ, Status.FAILED)


def test_only_what_is_scheduled_or_queued_can_be_cancelled() -> None:
    assert ways_in(Status.CANCELLED) == {Status.SCHEDULED, Status.QUEUED}


def test_every_wait_may_end_by_expiring_and_nothing_that_left_us_does() -> None:
    assert ways_in(Status.EXPIRED) == {Status.SCHEDULED, Status.QUEUED, Status.SENDING}


def test_no_step_leads_to_where_it_began() -> None:
    assert not any(before is after for before, after in STEPS)
    assert not any(may_step(status, status) for status in Status)


def test_every_status_can_be_reached_and_left_for_an_end() -> None:
    assert reachable(Status.SCHEDULED) == set(Status)
    assert all(reachable(status) & (ENDS | {Status.READ}) for status in Status)


def test_the_credit_comes_back_with_each_step_to_an_end_that_failed_and_with_no_other() -> None:
    assert {step for step in STEPS if refunds(*step)} == {step for step in STEPS if step[1] in ENDS}


def test_a_step_that_the_table_does_not_have_refunds_nothing_but_is_a_fault() -> None:
    with pytest.raises(KeyError):
        refunds(Status.READ, Status.FAILED)


@given(st.lists(st.sampled_from(Status), max_size=40))
def test_whatever_news_comes_in_whatever_order_undoes_nothing(news: list[Status]) -> None:
    status, taken, refunded = Status.QUEUED, [Status.QUEUED], 0
    for after in news:
        if may_step(status, after):
            refunded += refunds(status, after)
            status = after
            taken.append(after)

    assert refunded <= 1
    assert refunded == (status in ENDS)
    if Status.SENT in taken:
        assert not {Status.QUEUED, Status.SENDING} & set(taken[taken.index(Status.SENT) :])
    if Status.DELIVERED in taken:
        assert set(taken[taken.index(Status.DELIVERED) + 1 :]) <= {Status.READ}


def test_no_step_is_allowed_that_the_table_does_not_have() -> None:
    assert all(may_step(a, b) is ((a, b) in STEPS) for a, b in product(Status, Status))


COMPLETE = {Status.SENT, Status.DELIVERED, Status.READ} | ENDS
A_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("status", [status for status in Status if status != Status.UNCERTAIN])
@pytest.mark.parametrize("now", [NOW - A_SECOND, NOW])
def test_a_message_is_complete_from_sent_on_and_at_every_end(status: Status, now: datetime) -> None:
    message = replace(MESSAGE, status=status, expires_at=NOW)

    assert message.is_complete_at(now) is (status in COMPLETE)


def test_what_is_uncertain_is_complete_once_its_time_to_be_sent_is_over() -> None:
    message = replace(MESSAGE, status=Status.UNCERTAIN, expires_at=NOW)

    assert not message.is_complete_at(NOW - A_SECOND)
    assert message.is_complete_at(NOW)


@pytest.mark.parametrize("status", Status)
def test_failed_and_expired_are_errors_and_nothing_else_is(status: Status) -> None:
    is_error = replace(MESSAGE, status=status).is_error

    assert is_error is (status in {Status.FAILED, Status.EXPIRED})


def test_a_message_is_known_by_an_id_that_is_read_back() -> None:
    assert MESSAGE.queue_id == show_id(MESSAGE.id) == f"msg_{MESSAGE.id.hex}"
    assert parse_id(MESSAGE.queue_id) == MESSAGE.id
    assert parse_id(f"bat_{MESSAGE.id.hex}") is None
