"""A message's place in the queue and when it will leave: from the queue, and never a guess."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.answers import accepted
from tests.contract.waiting import (
    DEVICES,
    QUICK,
    add_device,
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


def seconds_until(message: dict[str, Any]) -> float:
    at = datetime.fromisoformat(message["estimated_send_at"])
    return (at - datetime.now(UTC)).total_seconds()


def until_promised(client: Client, queue_id: str) -> dict[str, Any]:
    """The message when its pool has a device that can send."""
    deadline = time.monotonic() + 20
    while (found := status_of(client, queue_id))["estimated_send_at"] is None:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_with_no_device_a_message_has_a_place_and_nobody_can_tell_when_it_leaves(
    server: Server, admin: Client
) -> None:
    client, _ = in_an_empty_pool(server, admin, "alone")
    waiting = [status_of(client, id) for id in sent_to_many(client, 3)["queue_ids"]]

    assert [each["queue_position"] for each in waiting] == [1, 2, 3]
    assert [each["estimated_send_at"] for each in waiting] == [None] * 3


def test_what_is_ahead_of_a_message_and_its_devices_pace_tell_when_it_leaves(
    server: Server, admin: Client
) -> None:
    client, pool_id = in_an_empty_pool(server, admin, "patient")
    body = {
        "name": "slow",
        "kind": "sandbox",
        "pool_id": pool_id,
        "pacing": {"per_minute": 2},
    }
    device = f"{DEVICES}/{accepted(admin.post(DEVICES, body))['id']}"
    last = sent_to_many(client, 7)["queue_ids"][-1]
    found = until_promised(client, last)

    ahead = found["queue_position"] - 1
    assert 4 <= ahead <= 6
    assert seconds_until(found) == pytest.approx(30 * ahead, abs=5)
    accepted(admin.post(f"{device}/pause"))
    assert status_of(client, last)["estimated_send_at"] is None
    accepted(admin.post(f"{device}/resume"))
    assert until_promised(client, last)["queue_position"] - 1 <= ahead


def test_what_is_scheduled_leaves_when_it_is_asked_to(server: Server, admin: Client) -> None:
    client, _ = in_an_empty_pool(server, admin, "ahead")
    send_at = moment(hours=2)

    found = status_of(client, sent(client, send_at=send_at))

    assert (found["queue_position"], found["estimated_send_at"]) == (None, send_at)


def test_what_was_sent_has_no_place(server: Server, admin: Client) -> None:
    client, pool_id = in_an_empty_pool(server, admin, "done")
    queue_id = sent(client)
    add_device(admin, pool_id)

    found = until_status(client, queue_id, "Read")

    assert (found["queue_position"], found["estimated_send_at"]) == (None, None)


def test_nobody_is_promised_a_time_at_which_the_message_has_expired(
    server: Server, admin: Client
) -> None:
    client, pool_id = in_an_empty_pool(server, admin, "hasty")
    body = {"name": "one a minute", "kind": "sandbox", "pool_id": pool_id}
    accepted(admin.post(DEVICES, {**body, "pacing": {"per_minute": 1}}))
    *_, last = sent_to_many(client, 30)["queue_ids"]
    *_, hasty = sent_to_many(client, 31, expires_in=600)["queue_ids"]

    assert seconds_until(until_promised(client, last)) > timedelta(minutes=20).total_seconds()
    assert status_of(client, hasty)["estimated_send_at"] is None
