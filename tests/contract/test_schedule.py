"""Sends for a later time, and sends that may wait for a limited one."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.contract.answers import BULK, NUMBER, SEND, accepted, refused_fields
from tests.contract.waiting import (
    QUICK,
    credits_of,
    facts_of,
    in_an_empty_pool,
    moment,
    sent,
    sent_to_many,
    status_of,
    until_status,
)
from tests.support.client import Client
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    with Server.started(tmp_path_factory.mktemp("server"), **QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return Client.admin(server)


@pytest.fixture(scope="module")
def member(server: Server) -> Client:
    return Client.member(server, "planner")


@pytest.fixture(scope="module")
def waiter(server: Server, admin: Client) -> Client:
    """Somebody in whose pool there is no device."""
    client, _ = in_an_empty_pool(server, admin, "waiter")
    return client


def test_a_message_for_later_is_kept_until_its_time_and_sent_then(member: Client) -> None:
    send_at = moment(seconds=3)
    answer = accepted(member.post(SEND, {"number": NUMBER, "message": "Later", "send_at": send_at}))
    queue_id = answer["queue_id"]
    waiting = status_of(member, queue_id)

    assert answer["message"] == "Message scheduled successfully"
    assert answer["queue_position"] == 0
    assert (waiting["status"], waiting["is_complete"]) == ("Scheduled", False)
    assert (waiting["send_at"], waiting["estimated_send_at"]) == (send_at, send_at)
    assert (waiting["queue_position"], waiting["sent_at"]) == (None, None)
    done = until_status(member, queue_id, "Read")
    late = datetime.fromisoformat(done["sent_at"]) - datetime.fromisoformat(send_at)
    assert timedelta(0) <= late <= timedelta(seconds=3)
    assert facts_of(member, queue_id) == [
        "message.scheduled",
        "message.queued",
        "message.sending",
        "message.sent",
        "message.delivered",
        "message.read",
    ]


def test_a_bulk_for_later_is_kept_and_sent_as_a_whole(member: Client) -> None:
    bulk = sent_to_many(member, 3, send_at=moment(seconds=2))

    assert bulk["message"] == "Bulk message scheduled successfully for 3 numbers"
    assert [status_of(member, id)["status"] for id in bulk["queue_ids"]] == ["Scheduled"] * 3
    for queue_id in bulk["queue_ids"]:
        until_status(member, queue_id, "Read")


@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_a_time_that_has_passed_means_now(member: Client, zone: str) -> None:
    queue_id = sent(member, send_at=moment(seconds=-5).rstrip("Z") + zone)

    assert until_status(member, queue_id, "Read")["send_at"] is None
    assert "message.scheduled" not in facts_of(member, queue_id)


@pytest.mark.parametrize("path", [SEND, BULK])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("send_at", "tomorrow"),
        ("send_at", 12),
        ("expires_in", 0),
        ("expires_in", -1),
        ("expires_in", 2_592_001),
        ("expires_in", "60"),
    ],
)
def test_times_that_cannot_be_are_refused(
    member: Client, path: str, field: str, value: object
) -> None:
    to = {"number": NUMBER} if path == SEND else {"numbers": [NUMBER]}
    answer = member.post(path, {**to, "message": "Hello", field: value})

    assert refused_fields(answer) == {field}


def test_a_message_is_kept_for_a_year_and_no_longer(member: Client) -> None:
    queue_id = sent(member, send_at=moment(days=364))
    too_far = {"number": NUMBER, "message": "Hello", "send_at": moment(days=367)}

    assert status_of(member, queue_id)["status"] == "Scheduled"
    assert refused_fields(member.post(SEND, too_far)) == {"send_at"}


def test_a_message_that_waits_for_longer_than_it_may_expires_and_its_credit_comes_back(
    waiter: Client,
) -> None:
    credits = credits_of(waiter)
    queue_id = sent(waiter, expires_in=1)
    ended = until_status(waiter, queue_id, "Expired")

    assert ended["error_code"] == "EXPIRED"
    assert (ended["is_complete"], ended["is_error"]) == (True, True)
    lived = lifetime(ended, "created_at")
    assert lived == timedelta(seconds=1)
    assert credits_of(waiter) == credits
    assert facts_of(waiter, queue_id) == ["message.queued", "message.expired"]


def test_what_is_sent_later_may_wait_from_then_on(waiter: Client) -> None:
    queue_id = sent(waiter, send_at=moment(seconds=2), expires_in=1)
    waiting = status_of(waiter, queue_id)
    ended = until_status(waiter, queue_id, "Expired")

    assert waiting["status"] == "Scheduled"
    assert lifetime(ended, "send_at") == timedelta(seconds=1)
    assert facts_of(waiter, queue_id)[0] == "message.scheduled"
    assert facts_of(waiter, queue_id)[-1] == "message.expired"


def test_without_a_limit_of_its_own_a_message_may_wait_for_a_day(waiter: Client) -> None:
    now, later = status_of(waiter, sent(waiter)), status_of(waiter, later_one(waiter))

    assert lifetime(now, "created_at") == timedelta(days=1)
    assert lifetime(later, "send_at") == timedelta(days=1)


def later_one(client: Client) -> str:
    return sent(client, send_at=moment(hours=1))


def lifetime(message: dict[str, str], since: str) -> timedelta:
    ends, begins = message["expires_at"], message[since]
    return datetime.fromisoformat(ends) - datetime.fromisoformat(begins)
