"""A message is shown as the original page shows it, with the contract's additions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from waypost.events.model import Event, Type
from waypost.messages import show
from waypost.messages.batches import Progress
from waypost.messages.estimate import NEVER, Estimate
from waypost.messages.model import Class, Message, Status
from waypost.messages.store_batches import Batch, State

AT = datetime(2025, 6, 3, 10, 30, tzinfo=UTC)
ID = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")

NEW = Message(
    id=ID,
    number=7,
    recipient="27821234567",
    body="Hello from WhatsApp API! 😀",
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
    created_at=AT,
    updated_at=AT,
    send_at=None,
    expires_at=AT + timedelta(days=1),
    sent_at=None,
    delivered_at=None,
    read_at=None,
)
READ = replace(
    NEW,
    status=Status.READ,
    attempts=2,
    device_id=3,
    template_id=4,
    updated_at=AT + timedelta(seconds=15),
    sent_at=AT + timedelta(seconds=1),
    delivered_at=AT + timedelta(seconds=2),
    read_at=AT + timedelta(seconds=3),
)


def test_a_new_message_shows_every_field_and_what_is_not_yet_is_null() -> None:
    assert show.message(NEW, AT) == {
        "queue_id": "msg_017f22e279b07cc398c4dc0c0c07398f",
        "number": "27821234567",
        "message": "Hello from WhatsApp API! 😀",
        "status": "Queued",
        "is_complete": False,
        "is_error": False,
        "error_message": None,
        "error_code": None,
        "attempts": 0,
        "device_id": None,
        "template_id": None,
        "batch_id": None,
        "reference": None,
        "created_at": "2025-06-03T10:30:00Z",
        "updated_at": "2025-06-03T10:30:00Z",
        "send_at": None,
        "expires_at": "2025-06-04T10:30:00Z",
        "sent_at": None,
        "delivered_at": None,
        "read_at": None,
    }


def test_a_read_message_tells_when_each_thing_happened() -> None:
    shown = show.message(READ, AT)

    assert shown["status"] == "Read"
    assert (shown["is_complete"], shown["is_error"]) == (True, False)
    assert (shown["attempts"], shown["device_id"], shown["template_id"]) == (2, 3, 4)
    assert shown["updated_at"] == "2025-06-03T10:30:15Z"
    assert shown["sent_at"] == "2025-06-03T10:30:01Z"
    assert shown["delivered_at"] == "2025-06-03T10:30:02Z"
    assert shown["read_at"] == "2025-06-03T10:30:03Z"


def test_what_is_scheduled_in_a_batch_tells_for_when_for_which_and_what_for() -> None:
    batched = replace(
        NEW,
        status=Status.SCHEDULED,
        batch_id=ID,
        reference="order 7",
        send_at=AT + timedelta(hours=1),
    )
    shown = show.message(batched, AT)

    assert shown["batch_id"] == "bat_017f22e279b07cc398c4dc0c0c07398f"
    assert shown["reference"] == "order 7"
    assert (shown["send_at"], shown["is_complete"]) == ("2025-06-03T11:30:00Z", False)


def test_an_uncertain_message_is_complete_when_its_time_to_be_sent_is_over() -> None:
    uncertain = replace(NEW, status=Status.UNCERTAIN)

    assert not show.message(uncertain, NEW.expires_at - timedelta(seconds=1))["is_complete"]
    assert show.message(uncertain, NEW.expires_at)["is_complete"]


def test_a_status_tells_the_place_in_the_queue_and_when_it_will_leave() -> None:
    shown = show.status(NEW, Estimate(3, AT + timedelta(seconds=2)), AT)

    assert (shown["queue_position"], shown["estimated_send_at"]) == (3, "2025-06-03T10:30:02Z")
    assert shown.items() >= show.message(NEW, AT).items()


def test_a_status_of_what_is_past_waiting_tells_no_place() -> None:
    shown = show.status(READ, NEVER, AT)

    assert (shown["queue_position"], shown["estimated_send_at"]) == (None, None)


def batch(state: State, open: int, **counts: int) -> Progress:
    stored = Batch(ID, state, 4, "spring", (None, None), AT)
    return Progress(stored, {Status(status): n for status, n in counts.items()}, open)


def test_a_batch_tells_how_far_it_is() -> None:
    shown = show.batch(batch(State.RUNNING, 3, Queued=2, Sending=1, Sent=1))

    counts = shown.pop("counts")
    assert counts.keys() == set(Status)
    assert {s: n for s, n in counts.items() if n} == {"Queued": 2, "Sending": 1, "Sent": 1}
    assert shown == {
        "batch_id": "bat_017f22e279b07cc398c4dc0c0c07398f",
        "state": "running",
        "is_complete": False,
        "progress": 0.25,
        "total": 4,
        "reference": "spring",
        "created_at": "2025-06-03T10:30:00Z",
    }


@pytest.mark.parametrize(
    ("decided", "open", "shown"),
    [
        (State.RUNNING, 1, "running"),
        (State.RUNNING, 0, "completed"),
        (State.PAUSED, 1, "paused"),
        (State.PAUSED, 0, "completed"),
        (State.CANCELLED, 1, "cancelled"),
        (State.CANCELLED, 0, "cancelled"),
    ],
)
def test_a_batch_is_completed_when_nothing_of_it_is_open(
    decided: State, open: int, shown: str
) -> None:
    found = batch(decided, open)

    assert (found.state, show.batch(found)["is_complete"]) == (shown, open == 0)


def test_a_failed_message_tells_why() -> None:
    failed = replace(
        NEW, status=Status.FAILED, error_code="NOT_ON_WHATSAPP", error_message="Not on WhatsApp."
    )
    shown = show.message(failed, AT)

    assert (shown["is_complete"], shown["is_error"]) == (True, True)
    assert (shown["error_code"], shown["error_message"]) == ("NOT_ON_WHATSAPP", "Not on WhatsApp.")


@pytest.mark.parametrize(
    "at",
    [
        AT.astimezone(timezone(timedelta(hours=2))),
        AT + timedelta(microseconds=999_999),
    ],
)
def test_times_are_whole_seconds_of_utc(at: datetime) -> None:
    shown = show.message(replace(NEW, created_at=at), AT)

    assert shown["created_at"] == "2025-06-03T10:30:00Z"


def test_our_own_numbers_are_not_shown() -> None:
    assert not {"id", "account_id", "pool_id", "is_held", "mark", "provider_id"} & set(
        show.message(READ, AT)
    )


def test_a_fact_tells_its_number_its_kind_its_time_and_its_detail() -> None:
    sent = Event(1, ID, 3, Type.SENT, AT, {"device_id": 2, "attempt": 1})

    assert show.event(sent) == {
        "number": 3,
        "type": "message.sent",
        "at": "2025-06-03T10:30:00Z",
        "device_id": 2,
        "attempt": 1,
    }


def test_a_fact_without_detail_has_only_its_own_fields() -> None:
    queued = Event(1, ID, 1, Type.QUEUED, AT)

    assert show.event(queued) == {
        "number": 1,
        "type": "message.queued",
        "at": "2025-06-03T10:30:00Z",
    }
