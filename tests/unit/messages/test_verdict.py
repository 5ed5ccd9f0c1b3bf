"""What an outcome means for its message."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace as change

from waypost.drivers.port import Accepted, DeviceDown, NotSent, Outcome, Refused, Retry, Unknown
from waypost.messages import verdict
from waypost.messages.model import ENDS, Status
from waypost.messages.outcomes import Claimed, Marked, Result
from waypost.messages.store_progress import State, Text
from waypost.messages.verdict import Verdict
from waypost.queue.model import Job, Lane, Reference

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=5)
MINUTE = timedelta(minutes=1)
NOW = timedelta(0)

TEXT = Text(
    account_id=7,
    id=ID,
    recipient="27821234567",
    body="Hello",
    created_at=AT,
    expires_at=AT + timedelta(hours=1),
    status=Status.QUEUED,
    device_id=None,
    wanted_device_id=None,
    marked_at=None,
    may_repeat=True,
    content=None,
)
STATE = State(
    account_id=7,
    id=ID,
    status=Status.SENDING,
    attempts=1,
    mark=1,
    marked_at=AT,
    may_repeat=True,
    is_held=False,
    facts=2,
    device_id=1,
    provider_id="3EB0",
    error_code=None,
    error_message=None,
    sent_at=None,
    delivered_at=None,
    read_at=None,
)

ACCEPTED = Accepted("wamid")
REFUSED = Refused("NOT_ON_WHATSAPP", "Not there.")
BUSY = Retry("FAULT", "Busy.")
UNKNOWN = Unknown("The answer never came.")
UNCOUNTED = Retry("131016", "Busy.", counts=False)
LAST = Retry("131000", "Busy.", tries=3)
UNSENT = [BUSY, UNCOUNTED, DeviceDown("gone"), NotSent("The lease was over.")]
LATE = replace(TEXT, expires_at=AT)


def of(
    outcome: Outcome,
    attempt: int = 3,
    *,
    text: Text = TEXT,
    may_repeat: bool = True,
    is_repeat: bool = False,
    took: timedelta = NOW,
    mark: int = 1,
) -> Verdict:
    claimed = Claimed(Job(1, Lane("pool.1"), Reference(7, 27821234567, ID)), text)
    marked = Marked(claimed, 1, mark, attempt, "3EB0", AT - took, may_repeat, is_repeat)
    return verdict.of(Result(marked, outcome, AT), 1.0, MINUTE)


def led_to(outcome: Outcome, status: Status) -> str | None:
    """Where the outcome leads a message that stands there; None: nowhere."""
    step = verdict.step(of(outcome), change(STATE, status=status), AT)
    return None if step is None or step.fact is None else step.after.status


def test_accepted_is_sent() -> None:
    found = of(ACCEPTED)

    assert (found.to, found.delay, found.may_refund) == (Status.SENT, None, False)
    assert found.changes == {"provider_id": "wamid", "device_id": 1}


def test_refused_is_failed_for_good_and_refunded() -> None:
    found = of(REFUSED)

    assert (found.to, found.may_refund, found.delay) == (Status.FAILED, True, None)
    assert found.changes == {"error_code": "NOT_ON_WHATSAPP", "error_message": "Not there."}


def test_a_passing_fault_waits_longer_with_each_attempt() -> None:
    delays = [of(BUSY, attempt).delay for attempt in (1, 2, 3)]

    assert delays == [timedelta(seconds=seconds) for seconds in (1, 2, 4)]


def test_the_transports_own_wish_for_a_wait_is_kept() -> None:
    assert of(Retry("SLOW_DOWN", "Busy.", timedelta(seconds=17))).delay == timedelta(seconds=17)


def test_a_fault_that_is_not_the_messages_waits_longer_each_time_and_counts_no_attempt() -> None:
    others = Retry("131016", "The provider is down.", counts=False)
    found = [of(others, attempt=1, mark=mark) for mark in (1, 2, 3, 40)]

    assert [each.delay for each in found] == [timedelta(seconds=n) for n in (1, 2, 4, 300)]
    assert [each.changes["attempts"] for each in found] == [0] * 4


@pytest.mark.parametrize(("attempt", "to"), [(1, "Queued"), (2, "Queued"), (3, "Failed")])
def test_a_fault_may_happen_so_often_and_fails_the_message_then(attempt: int, to: str) -> None:
    found = of(Retry("131000", "Strange.", timedelta(seconds=5), tries=3), attempt)

    assert found.to == to
    reason = {"code": "131000", "message": "Strange."}
    assert found.detail == reason
    if to == "Failed":
        assert found.may_refund
        assert found.changes == {"error_code": "131000", "error_message": "Strange."}


@pytest.mark.parametrize("left", [timedelta(seconds=3), timedelta(seconds=4)])
def test_it_expires_when_the_next_attempt_would_come_too_late(left: timedelta) -> None:
    found = of(BUSY, text=replace(TEXT, expires_at=AT + left))

    assert (found.to, found.may_refund, found.delay) == (Status.EXPIRED, True, None)
    assert found.changes["error_code"] == "EXPIRED"


@pytest.mark.parametrize("outcome", [DeviceDown("gone"), NotSent("The lease was over.")])
def test_what_the_message_is_not_to_blame_for_costs_neither_time_nor_an_attempt(
    outcome: DeviceDown | NotSent,
) -> None:
    found = of(outcome, attempt=3)

    assert (found.to, found.delay) == (Status.QUEUED, NOW)
    assert found.changes["attempts"] == 2


def test_without_an_answer_it_goes_again_after_a_wait_where_repeats_are_dropped() -> None:
    found = of(UNKNOWN, attempt=3, took=MINUTE)

    assert (found.to, found.fact, found.delay) == (Status.SENDING, None, timedelta(seconds=4))


@pytest.mark.parametrize("took", [timedelta(seconds=n) for n in (0, 25, 60, 200)])
def test_without_an_answer_it_waits_for_news_where_repeats_would_arrive(took: timedelta) -> None:
    found = of(UNKNOWN, may_repeat=False, took=took)

    assert (found.to, found.fact) == (Status.SENDING, None)
    assert found.delay == max(NOW, MINUTE - took)


def test_without_an_answer_it_waits_for_news_when_there_is_no_time_to_send_it_again() -> None:
    assert of(UNKNOWN, text=LATE).delay == MINUTE


@pytest.mark.parametrize("outcome", UNSENT)
@pytest.mark.parametrize("text", [TEXT, LATE])
def test_that_a_repeat_did_not_go_proves_nothing_about_the_send_before_it(
    outcome: Outcome, text: Text
) -> None:
    found = of(outcome, text=text, is_repeat=True)

    assert found == of(UNKNOWN, text=text, is_repeat=True)
    assert found.fact is None


def test_that_a_repeat_went_or_never_will_holds_for_the_message() -> None:
    assert of(ACCEPTED, is_repeat=True) == of(ACCEPTED)
    assert of(REFUSED, is_repeat=True) == of(REFUSED)


def test_a_late_answer_settles_what_was_given_up_for_uncertain() -> None:
    assert led_to(ACCEPTED, Status.UNCERTAIN) == Status.SENT
    assert led_to(REFUSED, Status.UNCERTAIN) == Status.FAILED
    assert led_to(LAST, Status.UNCERTAIN) == Status.FAILED
    assert led_to(UNKNOWN, Status.UNCERTAIN) is None


@pytest.mark.parametrize("outcome", UNSENT)
def test_what_was_given_up_for_uncertain_and_never_left_fails_with_a_refund(
    outcome: Outcome,
) -> None:
    state = change(STATE, status=Status.UNCERTAIN)

    step = verdict.step(of(outcome), state, AT)

    assert step is not None
    assert step.refunds
    assert (step.after.status, step.after.error_code) == (Status.FAILED, "NOT_SENT")


def test_what_waits_to_be_sent_again_is_sent_when_its_late_answer_says_so() -> None:
    assert led_to(ACCEPTED, Status.QUEUED) == Status.SENT
    assert [led_to(outcome, Status.QUEUED) for outcome in [REFUSED, UNKNOWN, *UNSENT]] == [None] * 6


@pytest.mark.parametrize("status", [Status.DELIVERED, Status.READ])
def test_after_a_receipt_the_answer_only_adds_when_it_left(status: Status) -> None:
    step = verdict.step(of(ACCEPTED), change(STATE, status=status), AT)

    assert step is not None
    assert (step.after.status, step.after.sent_at, step.fact) == (status, AT, None)


@pytest.mark.parametrize("end", sorted(ENDS))
def test_that_it_left_after_all_is_kept_as_a_fact_of_what_has_ended(end: Status) -> None:
    step = verdict.step(of(ACCEPTED), change(STATE, status=end), AT)

    assert step is not None
    assert (step.after.status, step.after.sent_at, step.refunds) == (end, AT, False)
    assert step.fact is not None


@pytest.mark.parametrize("status", [Status.SENT, Status.READ, *sorted(ENDS)])
@pytest.mark.parametrize("outcome", [ACCEPTED, REFUSED, UNKNOWN, *UNSENT])
def test_nothing_is_told_twice(outcome: Outcome, status: Status) -> None:
    state = change(STATE, status=status, sent_at=AT)

    assert verdict.step(of(outcome), state, AT) is None
