"""Cancelling a message over HTTP: while it waits, with its credit back; else told why not."""

from collections.abc import Iterator

import pytest

from tests.contract.answers import HISTORY, NUMBER, accepted, refused
from tests.contract.waiting import (
    MESSAGES,
    QUICK,
    credits_of,
    facts_of,
    in_an_empty_pool,
    moment,
    sent,
    status_of,
    until_status,
)
from tests.support.client import Client
from tests.support.server import Server

UNKNOWN_ID = "msg_0192f0c1a2b37c4d8e5f60718293a4b5"


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
    return Client.member(server, "canceller")


def cancel(queue_id: str) -> str:
    return f"{MESSAGES}/{queue_id}/cancel"


def test_a_message_in_the_queue_is_cancelled_and_its_credit_comes_back(
    server: Server, admin: Client
) -> None:
    member, _ = in_an_empty_pool(server, admin, "waiter")
    credits = credits_of(member)
    queue_id = sent(member)
    assert credits_of(member) == credits - 1

    answer = accepted(member.post(cancel(queue_id)))

    assert answer == status_of(member, queue_id)
    assert (answer["status"], answer["is_complete"], answer["is_error"]) == (
        "Cancelled",
        True,
        False,
    )
    assert (answer["queue_position"], answer["estimated_send_at"]) == (None, None)
    assert credits_of(member) == credits
    assert facts_of(member, queue_id) == ["message.queued", "message.cancelled"]
    listed = accepted(member.get(f"{HISTORY}?status=Cancelled"))["messages"]
    assert queue_id in [each["queue_id"] for each in listed]
    statement = accepted(member.get("/api/users/user/statement"))["entries"]
    assert [(each["kind"], each["queue_id"]) for each in statement[:2]] == [
        ("refund", queue_id),
        ("charge", queue_id),
    ]


def test_a_scheduled_message_is_cancelled(member: Client) -> None:
    credits = credits_of(member)
    queue_id = sent(member, send_at=moment(hours=1))

    assert accepted(member.post(cancel(queue_id)))["status"] == "Cancelled"

    assert credits_of(member) == credits
    assert facts_of(member, queue_id) == ["message.scheduled", "message.cancelled"]


def test_a_message_that_was_sent_is_not(member: Client) -> None:
    queue_id = sent(member)
    until_status(member, queue_id, "Read")
    credits = credits_of(member)

    body = refused(member.post(cancel(queue_id)), 409, "CONFLICT")

    assert body["message"] == "The message was sent: it can no longer be cancelled."
    assert status_of(member, queue_id)["status"] == "Read"
    assert credits_of(member) == credits


def test_a_message_is_cancelled_once(member: Client) -> None:
    queue_id = sent(member, send_at=moment(hours=1))
    accepted(member.post(cancel(queue_id)))
    credits = credits_of(member)

    body = refused(member.post(cancel(queue_id)), 409, "CONFLICT")

    assert body["message"] == "The message was cancelled before."
    assert credits_of(member) == credits


def test_what_has_ended_is_not_cancelled(member: Client) -> None:
    queue_id = sent(member, NUMBER[:-4] + "0001")
    until_status(member, queue_id, "Failed")

    body = refused(member.post(cancel(queue_id)), 409, "CONFLICT")

    assert body["message"] == "The message has failed: there is nothing to cancel."


@pytest.mark.parametrize("queue_id", [UNKNOWN_ID, "msg_1", "bat_1", "batches", "%00"])
def test_what_does_not_exist_is_not_found(member: Client, queue_id: str) -> None:
    refused(member.post(cancel(queue_id)), 404, "NOT_FOUND")


def test_another_accounts_message_is_not_found(server: Server, member: Client) -> None:
    queue_id = sent(member, send_at=moment(hours=1))
    other = Client.member(server, "nosy")

    refused(other.post(cancel(queue_id)), 404, "NOT_FOUND")

    assert status_of(member, queue_id)["status"] == "Scheduled"
