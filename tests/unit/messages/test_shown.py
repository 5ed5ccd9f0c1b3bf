"""A message is shown as the original page shows it, with the contract's additions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from waypost.events.model import Event, Type
from waypost.messages import show
from waypost.messages.model import Message, Status

AT = datetime(2025, 6, 3, 10, 30, tzinfo=UTC)
ID = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")

NEW = Message(
    id=ID,
    number=7,
    recipient="27821234567",
    body="Hello from WhatsApp API! 😀",
    status=Status.QUEUED,
    attempts=0,
    device_id=None,
    template_id=None,
    error_code=None,
    error_message=None,
    created_at=AT,
    updated_at=AT,
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
    assert show.message(NEW) == {
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
        "created_at": "2025-06-03T10:30:00Z",
        "updated_at": "2025-06-03T10:30:00Z",
        "sent_at": None,
        "delivered_at": None,
        "read_at": None,
    }


def test_a_read_message_tells_when_each_thing_happened() -> None:
    shown = show.message(READ)

    assert shown["status"] == "Read"
    assert (shown["is_complete"], shown["is_error"]) == (True, False)
    assert (shown["attempts"], shown["device_id"], shown["template_id"]) == (2, 3, 4)
    assert shown["updated_at"] == "2025-06-03T10:30:15Z"
    assert shown["sent_at"] == "2025-06-03T10:30:01Z"
    assert shown["delivered_at"] == "2025-06-03T10:30:02Z"
    assert shown["read_at"] == "2025-06-03T10:30:03Z"


def test_a_failed_message_tells_why() -> None:
    failed = replace(
        NEW, status=Status.FAILED, error_code="NOT_ON_WHATSAPP", error_message="Not on WhatsApp."
    )
    shown = show.message(failed)

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
    assert show.message(replace(NEW, created_at=at))["created_at"] == "2025-06-03T10:30:00Z"


def test_our_own_numbers_are_not_shown() -> None:
    assert not {"id", "expires_at", "account_id", "pool_id", "mark", "provider_id"} & set(
        show.message(READ)
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
