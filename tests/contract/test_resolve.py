"""An administrator says what became of a message whose answer never came."""

import time
from collections.abc import Iterator

import pytest

from tests.contract.answers import NUMBER, accepted, refused, refused_fields
from tests.contract.waiting import (
    DEVICES,
    credits_of,
    facts_of,
    sent,
    status_of,
    until_status,
)
from tests.support.client import Client
from tests.support.server import Server

SILENT = NUMBER[:-4] + "0010"
MESSAGES = "/api/admin/messages"
AUDIT = "/api/admin/audit"
UNKNOWN_ID = "msg_0192f0c1a2b37c4d8e5f60718293a4b5"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that soon gives up waiting for answers."""
    settings = {"TRUSTED_PROXIES": "127.0.0.1", "UNCERTAIN_AFTER_SECONDS": "1"}
    with Server.started(tmp_path_factory.mktemp("server"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    """The administrator of devices whose network does not drop repeats."""
    client = Client.admin(server)
    for device in accepted(client.get(DEVICES))["devices"]:
        change = {"config": {"deduplicates": False}}
        accepted(client.patch(f"{DEVICES}/{device['id']}", change))
    return client


@pytest.fixture(scope="module")
def member(server: Server, admin: Client) -> Client:
    return Client.member(server, "unsure")


def path(queue_id: str) -> str:
    return f"{MESSAGES}/{queue_id}/resolve"


def uncertain(member: Client, **options: object) -> str:
    """A message of which nobody knows whether it arrived."""
    queue_id = sent(member, SILENT, **options)
    until_status(member, queue_id, "Uncertain")
    return queue_id


@pytest.mark.parametrize("outcome", ["sent", "delivered", "read", "failed"])
def test_an_administrator_says_what_became_of_it(
    admin: Client, member: Client, outcome: str
) -> None:
    queue_id = uncertain(member)
    credits = credits_of(member)
    answer = accepted(admin.post(path(queue_id), {"outcome": outcome}))

    found = status_of(member, queue_id)
    assert answer.pop("user_id") == member.id
    assert answer.items() <= found.items()
    assert found["status"] == outcome.capitalize()
    assert (found["is_complete"], found["is_error"]) == (True, outcome == "failed")
    assert credits_of(member) == credits + (outcome == "failed")
    assert facts_of(member, queue_id)[-2:] == ["message.uncertain", f"message.{outcome}"]
    entry = accepted(admin.get(AUDIT))["entries"][0]
    assert (entry["action"], entry["target"]) == ("message.resolved", f"message:{queue_id}")
    assert entry["detail"] == {"user_id": member.id, "outcome": outcome}


def test_what_was_resolved_is_not_resolved_again(admin: Client, member: Client) -> None:
    queue_id = uncertain(member)
    accepted(admin.post(path(queue_id), {"outcome": "failed"}))
    credits = credits_of(member)

    body = refused(admin.post(path(queue_id), {"outcome": "failed"}), 409, "CONFLICT")

    assert body["message"] == "The message is Failed: only what is Uncertain can be resolved."
    assert credits_of(member) == credits


def test_what_is_not_uncertain_is_not_resolved(admin: Client, member: Client) -> None:
    queue_id = sent(member)
    until_status(member, queue_id, "Sent", "Delivered", "Read")

    refused(admin.post(path(queue_id), {"outcome": "failed"}), 409, "CONFLICT")


@pytest.mark.parametrize("outcome", ["Sent", "queued", "uncertain", "", None, 1])
def test_an_outcome_that_is_none_is_refused(admin: Client, outcome: object) -> None:
    answer = admin.post(path(UNKNOWN_ID), {"outcome": outcome})

    assert refused_fields(answer) == {"outcome"}


@pytest.mark.parametrize("queue_id", [UNKNOWN_ID, "msg_1", "%00"])
def test_what_does_not_exist_is_not_found(admin: Client, queue_id: str) -> None:
    refused(admin.post(path(queue_id), {"outcome": "sent"}), 404, "NOT_FOUND")


def test_only_administrators_resolve(member: Client) -> None:
    refused(member.post(path(UNKNOWN_ID), {"outcome": "sent"}), 403, "FORBIDDEN")


def test_an_uncertain_message_is_complete_when_its_time_to_be_sent_is_over(member: Client) -> None:
    queue_id = uncertain(member, expires_in=5)
    assert not status_of(member, queue_id)["is_complete"]

    deadline = time.monotonic() + 20
    while not status_of(member, queue_id)["is_complete"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    found = status_of(member, queue_id)
    assert (found["status"], found["is_error"]) == ("Uncertain", False)
