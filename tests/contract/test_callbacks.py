"""The provider's door over HTTP, and what comes in by it, as its owner reads it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.callbacks import (
    APP_SECRET,
    PERSON,
    VERIFY_TOKEN,
    call,
    change,
    contact,
    messages,
    signature,
    status,
    written,
)
from tests.support.client import Client, assert_refused
from tests.support.processes import until
from tests.support.server import Server
from waypost.drivers.cloud import opaque
from waypost.drivers.outgoing import Ref
from waypost.messages.model import parse_id

DEVICES = "/api/devices"
INBOX = "/api/messages/inbox"
CHALLENGE = "1158201444"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose tests come from many addresses."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return Client.admin(server)


@pytest.fixture(scope="module")
def door(server: Server, admin: Client) -> str:
    """Where the provider of an official number calls."""
    return path(make(admin, "official", "1"))


def make(admin: Client, name: str, number: str, **secrets: str) -> int:
    config = {
        "phone_number_id": number,
        "business_account_id": "100",
        "access_token": "EAAG-a-token-of-tests",
        "app_secret": APP_SECRET,
        "verify_token": VERIFY_TOKEN,
        "graph_url": "http://127.0.0.1:9",
    }
    answer = admin.post(DEVICES, {"name": name, "kind": "cloud", "config": config | secrets})
    assert answer.status_code == 201, answer.text
    id: int = answer.json()["id"]
    return id


def path(device_id: int | str) -> str:
    return f"/callbacks/cloud/{device_id}"


def asks(server: Server, door: str, **params: str) -> httpx.Response:
    """The provider verifies the address."""
    asked = {f"hub.{name}": value for name, value in params.items()}
    return httpx.get(server.url + door, params=asked, timeout=30)


def tells(server: Server, door: str, body: bytes, signed: str | None = None) -> httpx.Response:
    """The provider calls; signed as it should be, unless something else is given."""
    headers = {"Content-Type": "application/json"}
    headers["X-Hub-Signature-256"] = signature(body) if signed is None else signed
    return httpx.post(server.url + door, content=body, headers=headers, timeout=30)


def inbox(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{INBOX}?per_page=100").json()["messages"]
    return found


def wrote_to(server: Server, name: str, number: str, door: str) -> Client:
    """Somebody who wrote to this number; their message has left, as the provider tells."""
    client = Client.member(server, name)
    answer = client.post("/api/messages/send-message", {"number": number, "message": "Hello"})
    assert answer.status_code == 200, answer.text
    told = f"/api/messages/message-status/{answer.json()['queue_id']}"
    until(lambda: client.get(told).json()["sent_at"] is not None, "the message is sent")
    id = parse_id(answer.json()["queue_id"])
    assert id is not None
    words = opaque.write(Ref(client.id, id, 1))
    news = status("delivered", f"wamid.{id.hex}", biz_opaque_callback_data=words)
    assert tells(server, door, call(messages("1", statuses=[news]))).status_code == 200
    return client


def test_the_provider_is_answered_with_its_challenge(server: Server, door: str) -> None:
    answer = asks(server, door, mode="subscribe", verify_token=VERIFY_TOKEN, challenge=CHALLENGE)

    assert (answer.status_code, answer.text) == (200, CHALLENGE)
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"mode": "subscribe", "challenge": CHALLENGE},
        {"mode": "subscribe", "verify_token": "", "challenge": CHALLENGE},
        {"mode": "subscribe", "verify_token": VERIFY_TOKEN + "x", "challenge": CHALLENGE},
        {"mode": "subscribe", "verify_token": "é", "challenge": CHALLENGE},
        {"mode": "unsubscribe", "verify_token": VERIFY_TOKEN, "challenge": CHALLENGE},
        {"verify_token": VERIFY_TOKEN, "challenge": CHALLENGE},
    ],
    ids=lambda params: "&".join(params) or "nothing",
)
def test_nobody_else_is(server: Server, door: str, params: dict[str, str]) -> None:
    answer = asks(server, door, **params)

    assert_refused(answer, 403, "FORBIDDEN")
    assert CHALLENGE not in answer.text


def test_what_is_signed_is_taken_and_answered_with_nothing(server: Server, door: str) -> None:
    answer = tells(server, door, call(change("account_alerts", alert="x")))

    assert (answer.status_code, answer.content) == (200, b"")


def test_parameters_that_the_provider_adds_are_taken(server: Server, door: str) -> None:
    assert tells(server, door + "?tomorrow=1", call()).status_code == 200


@pytest.mark.parametrize(
    "signed",
    [
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        signature(b"another body"),
        signature(call(), "another secret"),
        signature(call()).removeprefix("sha256="),
        signature(call()).replace("sha256", "sha1"),
    ],
)
def test_what_is_not_signed_is_refused(server: Server, door: str, signed: str) -> None:
    assert_refused(tells(server, door, call(), signed), 403, "FORBIDDEN")


def test_the_signature_is_over_the_bytes_as_they_came(server: Server, door: str) -> None:
    body = call(change("x", text="é"))
    assert rb"\u00e9" in body
    same_json = body.replace(rb"\u00e9", "é".encode())

    assert tells(server, door, body).status_code == 200
    assert tells(server, door, same_json, signature(body)).status_code == 403


def test_a_device_that_is_not_there_answers_like_a_wrong_signature(
    server: Server, admin: Client, door: str
) -> None:
    sandbox = admin.get(DEVICES).json()["devices"][0]["id"]
    wrong = tells(server, door, call(), "sha256=0").json()

    for device_id in (sandbox, 2**40):
        answer = tells(server, path(device_id), call())
        assert_refused(answer, 403, "FORBIDDEN")
        assert answer.json()["message"] == wrong["message"]
        right = {"mode": "subscribe", "verify_token": VERIFY_TOKEN, "challenge": CHALLENGE}
        assert_refused(asks(server, path(device_id), **right), 403, "FORBIDDEN")


def test_a_path_that_names_no_device_is_not_found(server: Server) -> None:
    assert_refused(tells(server, path("x"), call()), 404, "NOT_FOUND")


def test_a_call_as_large_as_the_provider_makes_them_is_taken(server: Server, door: str) -> None:
    most = 3 * 1024 * 1024
    frame = call(change("x", text=""))
    body = call(change("x", text="x" * (most - len(frame))))
    assert len(body) == most

    assert tells(server, door, body).status_code == 200
    assert_refused(tells(server, door, body + b" "), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"], ids=repr)
def test_what_cannot_be_read_is_kept_all_the_same(server: Server, door: str, body: bytes) -> None:
    assert tells(server, door, body).status_code == 200


def test_an_answer_is_read_by_who_wrote_to_them(server: Server, admin: Client, door: str) -> None:
    owner, stranger = wrote_to(server, "owner", PERSON, door), Client.member(server, "stranger")
    part = written("text", {"body": "Yes, please"}, "wamid.YES")
    body = call(messages("1", messages=[part], contacts=[contact()]))

    assert [tells(server, door, body).status_code for _ in range(2)] == [200, 200]
    until(lambda: inbox(owner), "the answer is in the inbox")

    (found,) = inbox(owner)
    assert found == {
        "id": found["id"],
        "number": PERSON,
        "sender_id": None,
        "contact": contact(),
        "kind": "text",
        "text": "Yes, please",
        "content": part,
        "media_id": None,
        "media_status": None,
        "media_error": None,
        "reply_to": None,
        "device_id": int(door.rpartition("/")[2]),
        "at": "2025-06-15T23:27:53Z",
        "received_at": found["received_at"],
    }
    assert inbox(stranger) == []
    assert inbox(admin) == []


def test_a_reader_goes_through_the_inbox_by_its_cursor(server: Server, door: str) -> None:
    owner = wrote_to(server, "reader", "27821111111", door)
    parts = [
        written("text", {"body": str(n)}, f"wamid.R{n}", **{"from": "27821111111"})
        for n in range(3)
    ]
    for part in parts:
        assert tells(server, door, call(messages("1", messages=[part]))).status_code == 200
    until(lambda: len(inbox(owner)) == 3, "all three are in the inbox")

    first = owner.get(f"{INBOX}?per_page=2").json()
    second = owner.get(f"{INBOX}?per_page=2&cursor={first['next_cursor']}").json()

    texts = [found["text"] for found in first["messages"] + second["messages"]]
    assert sorted(texts) == ["0", "1", "2"]
    assert texts == [found["text"] for found in inbox(owner)]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("query", ["cursor=x", "cursor=inb_1", "per_page=0", "page=1"])
def test_an_inbox_is_asked_for_as_lists_are(server: Server, query: str) -> None:
    reader = Client.member(server, f"asks-{query.replace('=', '-').replace('_', '-')}")

    assert_refused(reader.get(f"{INBOX}?{query}"), 400, "INVALID_REQUEST", query.partition("=")[0])


def test_nothing_is_for_those_without_a_token(server: Server) -> None:
    assert_refused(Client.new(server).get(INBOX), 401, "UNAUTHORIZED")


def test_no_secret_and_no_text_is_in_the_log(server: Server, door: str) -> None:
    tells(server, door, call(messages("1", statuses=[status("flew")])), "sha256=00")

    for secret in (APP_SECRET, VERIFY_TOKEN, "EAAG-a-token-of-tests", "Yes, please"):
        assert secret not in server.log
