"""Bulks as a whole over HTTP: how far they are; pause, resume, cancel."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.answers import HISTORY, accepted, refused, refused_fields
from tests.contract.waiting import (
    MESSAGES,
    QUICK,
    add_device,
    credits_of,
    in_an_empty_pool,
    moment,
    sent,
    sent_to_many,
    status_of,
    until_status,
)
from tests.support.client import Client
from tests.support.server import Server

UNKNOWN_ID = "bat_0192f0c1a2b37c4d8e5f60718293a4b5"
VERBS = ["pause", "resume", "cancel"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    settings = {**QUICK, "SIGNUP_CREDITS": "1000", "RATE_LIMIT_BULK": "1000/minute"}
    with Server.started(tmp_path_factory.mktemp("server"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return Client.admin(server)


@pytest.fixture(scope="module")
def member(server: Server) -> Client:
    return Client.member(server, "bulky")


def path(batch_id: str, verb: str = "") -> str:
    return f"{MESSAGES}/batches/{batch_id}{verb and '/' + verb}"


def read(client: Client, batch_id: str) -> dict[str, Any]:
    return accepted(client.get(path(batch_id)))


def counts(batch: dict[str, Any]) -> dict[str, int]:
    """Those that are not zero."""
    return {status: count for status, count in batch["counts"].items() if count}


def until_counts(client: Client, batch_id: str, **wanted: int) -> dict[str, Any]:
    """The batch when its messages stand so."""
    deadline = time.monotonic() + 30
    while counts(found := read(client, batch_id)) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_batch_tells_how_far_it_is(server: Server, admin: Client) -> None:
    member, pool_id = in_an_empty_pool(server, admin, "watcher")
    bulk = sent_to_many(member, reference="spring sale")
    batch_id = bulk["batch_id"]
    waiting = read(member, batch_id)
    add_device(admin, pool_id)
    done = until_counts(member, batch_id, Read=4)

    created_at = waiting.pop("created_at")
    assert created_at == status_of(member, bulk["queue_ids"][0])["created_at"]
    assert counts(waiting) == {"Queued": 4}
    assert waiting["counts"].keys() >= {"Scheduled", "Sending", "Sent", "Uncertain", "Cancelled"}
    del waiting["counts"]
    assert waiting == {
        "batch_id": batch_id,
        "state": "running",
        "is_complete": False,
        "progress": 0.0,
        "total": 4,
        "reference": "spring sale",
    }
    assert (done["state"], done["is_complete"], done["progress"]) == ("completed", True, 1.0)


def test_a_batch_is_paused_and_goes_on_when_it_is_resumed(member: Client) -> None:
    batch_id = sent_to_many(member, send_at=moment(seconds=1))["batch_id"]
    paused = accepted(member.post(path(batch_id, "pause")))
    other = sent(member, send_at=moment(seconds=1))
    until_status(member, other, "Read")

    assert (paused["state"], counts(paused)) == ("paused", {"Scheduled": 4})
    assert read(member, batch_id) == paused
    assert accepted(member.post(path(batch_id, "pause"))) == paused
    resumed = accepted(member.post(path(batch_id, "resume")))
    assert resumed["state"] in ("running", "completed")
    until_counts(member, batch_id, Read=4)


def test_what_of_a_paused_batch_is_in_the_queue_waits_too(server: Server, admin: Client) -> None:
    member, pool_id = in_an_empty_pool(server, admin, "pauser")
    bulk = sent_to_many(member)
    batch_id, (first, *_) = bulk["batch_id"], bulk["queue_ids"]
    assert status_of(member, first)["queue_position"] == 1

    accepted(member.post(path(batch_id, "pause")))
    add_device(admin, pool_id)
    until_status(member, sent(member), "Read")

    waiting = status_of(member, first)
    assert waiting["status"] == "Queued"
    assert (waiting["queue_position"], waiting["estimated_send_at"]) == (None, None)
    accepted(member.post(path(batch_id, "resume")))
    until_counts(member, batch_id, Read=4)


def test_cancelling_a_batch_gives_back_what_has_not_left(server: Server, admin: Client) -> None:
    member, _ = in_an_empty_pool(server, admin, "canceller")
    credits = credits_of(member)
    bulk = sent_to_many(member)
    taken = bulk["queue_ids"][0]
    accepted(member.post(f"{MESSAGES}/{taken}/cancel"))

    found = accepted(member.post(path(bulk["batch_id"], "cancel")))

    assert (found["state"], found["progress"]) == ("cancelled", 1.0)
    assert counts(found) == {"Cancelled": 4}
    assert accepted(member.post(path(bulk["batch_id"], "cancel"))) == found
    assert credits_of(member) == credits


def test_what_was_sent_of_a_cancelled_batch_stays_sent(member: Client) -> None:
    now, later = sent_to_many(member, 2), sent_to_many(member, 3, send_at=moment(hours=1))
    until_counts(member, now["batch_id"], Read=2)

    refused(member.post(path(now["batch_id"], "cancel")), 409, "CONFLICT")
    found = accepted(member.post(path(later["batch_id"], "cancel")))

    assert counts(read(member, now["batch_id"])) == {"Read": 2}
    assert counts(found) == {"Cancelled": 3}


@pytest.mark.parametrize("verb", VERBS)
def test_a_completed_batch_is_left_as_it_is(member: Client, verb: str) -> None:
    batch_id = sent_to_many(member, 1)["batch_id"]
    until_counts(member, batch_id, Read=1)

    body = refused(member.post(path(batch_id, verb)), 409, "CONFLICT")

    assert body["message"] == "The batch is completed: nothing of it waits any more."


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_cancelled_batch_neither_pauses_nor_goes_on(member: Client, verb: str) -> None:
    batch_id = sent_to_many(member, send_at=moment(hours=1))["batch_id"]
    accepted(member.post(path(batch_id, "cancel")))

    body = refused(member.post(path(batch_id, verb)), 409, "CONFLICT")

    assert body["message"] == "The batch was cancelled."


@pytest.mark.parametrize("batch_id", [UNKNOWN_ID, "bat_1", "msg_" + UNKNOWN_ID[4:], "%00"])
def test_what_does_not_exist_is_not_found(member: Client, batch_id: str) -> None:
    refused(member.get(path(batch_id)), 404, "NOT_FOUND")
    for verb in VERBS:
        refused(member.post(path(batch_id, verb)), 404, "NOT_FOUND")


def test_another_accounts_batch_is_not_found(server: Server, member: Client) -> None:
    batch_id = sent_to_many(member, send_at=moment(hours=1))["batch_id"]
    other = Client.member(server, "curious")

    refused(other.get(path(batch_id)), 404, "NOT_FOUND")
    for verb in VERBS:
        refused(other.post(path(batch_id, verb)), 404, "NOT_FOUND")

    assert read(member, batch_id)["state"] == "running"


def test_history_is_narrowed_to_a_batch_and_to_a_reference(member: Client) -> None:
    bulk = sent_to_many(member, 3, reference="order 7", send_at=moment(hours=1))
    single = sent(member, reference="order 7", send_at=moment(hours=1))
    sent_to_many(member, 2, send_at=moment(hours=1))

    of_batch = accepted(member.get(f"{HISTORY}?batch_id={bulk['batch_id']}"))
    of_reference = accepted(member.get(f"{HISTORY}?reference=order%207"))
    of_both = accepted(
        member.get(f"{HISTORY}?reference=order%207&batch_id={bulk['batch_id']}&per_page=1")
    )

    ids = [each["queue_id"] for each in of_batch["messages"]]
    assert ids == bulk["queue_ids"][::-1]
    assert of_batch["pagination"]["total"] == 3
    assert {each["batch_id"] for each in of_batch["messages"]} == {bulk["batch_id"]}
    assert [each["queue_id"] for each in of_reference["messages"]] == [single, *ids]
    assert {each["reference"] for each in of_reference["messages"]} == {"order 7"}
    assert of_reference["messages"][0]["batch_id"] is None
    assert (of_both["pagination"]["total"], len(of_both["messages"])) == (3, 1)
    nothing = accepted(member.get(f"{HISTORY}?batch_id={UNKNOWN_ID}"))
    assert (nothing["messages"], nothing["pagination"]["total"]) == ([], 0)


def test_a_filter_that_cannot_be_one_is_refused(member: Client) -> None:
    assert refused_fields(member.get(f"{HISTORY}?batch_id=msg_1")) == {"batch_id"}
    assert refused_fields(member.get(f"{HISTORY}?reference=%00")) == {"reference"}
