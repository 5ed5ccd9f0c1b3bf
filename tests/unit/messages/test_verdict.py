"""What an outcome means for its message."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from waypost.drivers.port import Accepted, DeviceDown, Outcome, Refused, Retry
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed, Marked, Result
from waypost.messages.settle import Verdict, verdict
from waypost.messages.store_progress import Text
from waypost.queue.model import Job, Lane, Reference

AT = datetime(2026, 1, 1, tzinfo=UTC)
ID = UUID(int=5)


def of(outcome: Outcome, attempt: int = 3, left: timedelta = timedelta(hours=1)) -> Verdict:
    text = Text(7, ID, "27821234567", "Hello", AT, AT + left, Status.QUEUED)
    claimed = Claimed(Job(1, Lane("pool.1"), Reference(7, ID)), text)
    return verdict(Result(Marked(claimed, 1, 1, attempt, "3EB0"), outcome, AT), 1.0)


def test_accepted_is_sent() -> None:
    found = of(Accepted("wamid"))

    assert (found.to, found.delay) == (Status.SENT, None)
    assert found.changes == {"sent_at": AT, "provider_id": "wamid"}


def test_refused_is_failed_for_good_and_refunded() -> None:
    found = of(Refused("NOT_ON_WHATSAPP", "Not there."))

    assert (found.to, found.refunds, found.delay) == (Status.FAILED, True, None)
    assert found.changes == {"error_code": "NOT_ON_WHATSAPP", "error_message": "Not there."}


def test_a_passing_fault_waits_longer_with_each_attempt() -> None:
    delays = [of(Retry("FAULT", "Busy."), attempt).delay for attempt in (1, 2, 3)]

    assert delays == [timedelta(seconds=seconds) for seconds in (1, 2, 4)]


def test_the_transports_own_wish_for_a_wait_is_kept() -> None:
    assert of(Retry("SLOW_DOWN", "Busy.", timedelta(seconds=17))).delay == timedelta(seconds=17)


@pytest.mark.parametrize("left", [timedelta(seconds=3), timedelta(seconds=4)])
def test_it_expires_when_the_next_attempt_would_come_too_late(left: timedelta) -> None:
    found = of(Retry("FAULT", "Busy."), left=left)

    assert (found.to, found.refunds, found.delay) == (Status.EXPIRED, True, None)
    assert found.changes["error_code"] == "EXPIRED"


def test_a_device_that_is_down_costs_neither_time_nor_an_attempt() -> None:
    found = of(DeviceDown("gone"), attempt=3)

    assert (found.to, found.delay) == (Status.QUEUED, timedelta(0))
    assert found.changes["attempts"] == 2
