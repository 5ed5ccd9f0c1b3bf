"""What a send may ask for beside its text: when, for how long, what for, and by which device."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from tests.contract.answers import (
    BULK,
    HISTORY,
    NUMBER,
    SEND,
    STATUS,
    accepted,
    refused,
    refused_fields,
)
from tests.support.behind import query, traces
from tests.support.processes import until
from tests.support.server import Server

SECOND = "27829876543"
HELLO: dict[str, Any] = {"number": NUMBER, "message": "Hello"}
MANY: dict[str, Any] = {"numbers": [NUMBER, SECOND], "message": "Hello"}
BOTH = [(SEND, HELLO), (BULK, MANY)]
CREDITS = 100

WRONG_TIMES = [
    "",
    "now",
    "tomorrow at noon",
    "2025-02-30T00:00:00Z",
    "2025-06-03T25:00:00Z",
    "2025-06-03T10:30:00+25:00",
    "9999-12-31T23:59:59-10:00",
    "9998-12-31T23:59:59Z",
    "\0",
    1749032400,
    1.5,
    True,
    [],
    {},
]
WRONG_LIFETIMES = [0, -1, 2_592_001, 2**63, 10**40, 1.5, "60", "", True, [], {}]
WRONG_REFERENCES = ["", "x" * 201, "a\0b", "half \ud800", 7, 1.5, True, [], {}]
WRONG_DEVICES = [0, -1, 2**63, 10**40, 1.5, "1", "", True, [], {}]
WRONG = [
    (field, value)
    for field, values in {
        "send_at": WRONG_TIMES,
        "expires_in": WRONG_LIFETIMES,
        "reference": WRONG_REFERENCES,
    }.items()
    for value in values
]

_NAMES = count(1)


class Member:
    """An account of its own."""

    def __init__(self, server: Server) -> None:
        name = f"customer-{next(_NAMES)}"
        self.id = server.register(name)
        self.token = server.login(name)
        self._server = server

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        # Written out here, as the client would refuse what JSON can hold and UTF-8 cannot.
        content = json.dumps(body)
        return httpx.post(self._server.url + path, content=content, headers=headers, timeout=30)

    def status(self, queue_id: str) -> dict[str, Any]:
        return accepted(self._server.get(f"{STATUS}/{queue_id}", self.token))

    def history(self, query: str = "") -> list[dict[str, Any]]:
        page = accepted(self._server.get(f"{HISTORY}?per_page=100&{query}", self.token))
        messages: list[dict[str, Any]] = page["messages"]
        return messages

    @property
    def credits(self) -> int:
        left: int = accepted(self._server.get("/api/users/user/credits", self.token))["credits"]
        return left


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose rate limits are not what is tested here."""
    with Server.started(
        tmp_path_factory.mktemp("server"),
        RATE_LIMIT_AUTH="off",
        RATE_LIMIT_SEND="off",
        RATE_LIMIT_BULK="off",
        SIGNUP_CREDITS=str(CREDITS),
    ) as running:
        yield running


@pytest.fixture
def me(server: Server) -> Member:
    return Member(server)


def within(seconds: float) -> str:
    """A moment so many seconds from now, as a body gives it."""
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}"


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_an_option_that_cannot_be_taken_is_named_and_nothing_is_done(
    server: Server, me: Member, path: str, body: dict[str, Any]
) -> None:
    for field, value in WRONG:
        assert refused_fields(me.post(path, {**body, field: value})) == {field}, value

    assert traces(server, me.id) == 0


def test_a_device_that_cannot_be_one_is_named_and_nothing_is_done(
    server: Server, me: Member
) -> None:
    for value in [*WRONG_DEVICES, 999, 2**63 - 1]:
        assert refused_fields(me.post(SEND, {**HELLO, "device_id": value})) == {"device_id"}, value

    assert traces(server, me.id) == 0


def test_a_bulk_names_no_device(server: Server, me: Member) -> None:
    for value in (1, None):
        assert refused_fields(me.post(BULK, {**MANY, "device_id": value})) == {"device_id"}

    assert traces(server, me.id) == 0


def test_every_wrong_option_is_named_at_once(me: Member) -> None:
    wrong = {"send_at": "soon", "expires_in": 0, "reference": ""}

    assert refused_fields(me.post(SEND, {**HELLO, **wrong, "device_id": 0})) == {
        *wrong,
        "device_id",
    }
    assert refused_fields(me.post(BULK, {**MANY, **wrong})) == {*wrong}


def test_null_means_absent(me: Member) -> None:
    options = dict.fromkeys(["send_at", "expires_in", "reference"])

    sent = accepted(me.post(SEND, {**HELLO, **options, "device_id": None}))
    accepted(me.post(BULK, {**MANY, **options}))

    message = me.status(sent["queue_id"])
    assert (message["send_at"], message["reference"]) == (None, None)
    assert parsed(message["expires_at"]) - parsed(message["created_at"]) == timedelta(days=1)


def parsed(at: str) -> datetime:
    return datetime.fromisoformat(at)


def test_what_is_scheduled_waits_outside_the_queue(server: Server, me: Member) -> None:
    at = datetime.now(UTC) + timedelta(days=300)
    asked = at.astimezone().isoformat()

    sent = accepted(me.post(SEND, {**HELLO, "send_at": asked}))
    bulk = accepted(me.post(BULK, {**MANY, "send_at": asked, "expires_in": 60}))

    assert sent["message"] == "Message scheduled successfully"
    assert bulk["message"] == "Bulk message scheduled successfully for 2 numbers"
    assert (sent["queue_position"], bulk["queue_position"]) == (0, 0)
    assert me.credits == bulk["remaining_credits"] == CREDITS - 3
    for queue_id, wait in [(sent["queue_id"], 86_400), *((id, 60) for id in bulk["queue_ids"])]:
        message = me.status(queue_id)
        assert message["status"] == "Scheduled"
        assert parsed(message["send_at"]) == at.replace(microsecond=0)
        assert parsed(message["expires_at"]) - parsed(message["send_at"]) == timedelta(seconds=wait)
    (row,) = query(server, "select count(*) as jobs from pgqueuer")
    assert row["jobs"] == 0


def test_a_time_without_a_zone_is_utc(me: Member) -> None:
    at = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)

    sent = accepted(me.post(SEND, {**HELLO, "send_at": at.replace(tzinfo=None).isoformat()}))

    assert parsed(me.status(sent["queue_id"])["send_at"]) == at


@pytest.mark.parametrize("seconds", [0.0, -1.0, -86_400.0 * 365])
def test_a_moment_that_has_passed_means_now(me: Member, seconds: float) -> None:
    sent = accepted(me.post(SEND, {**HELLO, "send_at": within(seconds)}))

    assert sent["message"] == "Message queued successfully"
    assert sent["queue_position"] >= 1
    assert me.status(sent["queue_id"])["send_at"] is None


def test_what_is_scheduled_goes_when_it_is_due_and_not_before(me: Member) -> None:
    sent = accepted(me.post(SEND, {**HELLO, "send_at": within(2)}))
    bulk = accepted(me.post(BULK, {**MANY, "send_at": within(2)}))
    ids = [sent["queue_id"], *bulk["queue_ids"]]

    until(lambda: all(me.status(id)["is_complete"] for id in ids), "all are sent")

    for message in map(me.status, ids):
        assert message["status"] in ("Sent", "Delivered", "Read")
        assert parsed(message["sent_at"]) >= parsed(message["send_at"])


def test_what_waits_longer_than_it_may_expires_and_is_refunded(server: Server) -> None:
    admin, me = server.admin(), Member(server)
    pool = accepted(server.post("/api/admin/pools", {"name": "without devices"}, admin))
    accepted(server.request("PATCH", f"/api/admin/users/{me.id}", {"pool_id": pool["id"]}, admin))

    sent = accepted(me.post(SEND, {**HELLO, "expires_in": 1}))
    bulk = accepted(me.post(BULK, {**MANY, "expires_in": 1, "send_at": within(1)}))
    usual = accepted(me.post(SEND, HELLO))

    ids = [sent["queue_id"], *bulk["queue_ids"]]
    until(lambda: {me.status(id)["status"] for id in ids} == {"Expired"}, "all have expired", 40.0)
    assert me.status(usual["queue_id"])["status"] == "Queued"
    assert me.credits == CREDITS - 1


@pytest.mark.parametrize("text", ["order 7", " ", "é😀", "x" * 200, "a=b&c"])
def test_a_reference_is_kept_shown_and_found_again(me: Member, text: str) -> None:
    first, second = (accepted(me.post(SEND, {**HELLO, "reference": text})) for _ in range(2))
    bulk = accepted(me.post(BULK, {**MANY, "reference": text}))
    accepted(me.post(SEND, {**HELLO, "reference": "another"}))

    assert me.status(first["queue_id"])["reference"] == text
    found = me.history(str(httpx.QueryParams({"reference": text})))
    assert {message["queue_id"] for message in found} == {
        first["queue_id"],
        second["queue_id"],
        *bulk["queue_ids"],
    }


def test_the_device_that_a_send_names_sends_it(server: Server, me: Member) -> None:
    devices = accepted(server.get("/api/devices", me.token))["devices"]
    wanted = [device["id"] for device in devices] * 3

    ids = [
        accepted(me.post(SEND, {"number": f"2782{n:04}567", "message": "Hi", "device_id": id}))
        for n, id in enumerate(wanted)
    ]

    sent = [each["queue_id"] for each in ids]
    until(lambda: all(me.status(id)["is_complete"] for id in sent), "all are sent")
    assert [me.status(id)["device_id"] for id in sent] == wanted


def test_a_device_of_another_pool_does_not_exist(server: Server, me: Member) -> None:
    admin = server.admin()
    pool = accepted(server.post("/api/admin/pools", {"name": "theirs"}, admin))
    new = {"name": "theirs", "kind": "sandbox", "config": {}, "pool_id": pool["id"]}
    theirs = accepted(server.post("/api/devices", new, admin))["id"]

    there = refused(me.post(SEND, {**HELLO, "device_id": theirs}), 400, "INVALID_REQUEST")
    nowhere = refused(me.post(SEND, {**HELLO, "device_id": theirs + 1}), 400, "INVALID_REQUEST")

    assert there["details"] == nowhere["details"]
    assert traces(server, me.id) == 0


def test_a_bulk_is_a_batch(me: Member) -> None:
    bulk = accepted(me.post(BULK, {**MANY, "reference": "spring"}))
    accepted(me.post(BULK, MANY))

    assert bulk["batch_id"].startswith("bat_")
    found = me.history(f"batch_id={bulk['batch_id']}")
    assert {message["queue_id"] for message in found} == set(bulk["queue_ids"])
    assert {message["batch_id"] for message in found} == {bulk["batch_id"]}
