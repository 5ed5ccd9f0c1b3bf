"""An official number end to end: a served Waypost, and a fake Graph in a process of its own."""

import base64
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest

from tests.journeys.shop import INBOX, Shop, opened
from tests.support.client import Client
from tests.support.graph.world import APP_SECRET, TOKEN, VERIFY_TOKEN
from tests.support.processes import until

PDF = b"%PDF-1.7\n" + b"a receipt\n" * 100
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)
USERS = (f"2782{n:07}" for n in count(1_000_000))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One for the tests that leave it as they found it."""
    with opened(tmp_path_factory.mktemp("official")) as made:
        yield made


@pytest.fixture(autouse=True)
def without_faults(shop: Shop) -> Iterator[None]:
    """What one test tells the Graph to do does not strike another."""
    yield
    shop.graph.fail()
    shop.graph.tell("manner")


@pytest.fixture
def user() -> str:
    """Somebody to whom nothing was sent before."""
    return next(USERS)


def test_a_text_is_sent_and_its_callbacks_tell_the_rest(shop: Shop, user: str) -> None:
    queue_id = shop.send(user, message="Hé *llo* 😀")

    message = shop.until_is(queue_id, "Read")

    (post,) = shop.posts(user)
    assert post.body["to"] == f"+{user}"
    assert post.text == "Hé *llo* 😀"
    assert message["attempts"] == 1
    assert message["device_id"] == shop.device_id
    events = shop.customer.get(f"/api/messages/{queue_id}/events").json()["events"]
    types = [event["type"] for event in events]
    assert types.count("message.sent") <= 1
    assert types[-1] == "message.read"


def test_an_approved_template_is_taken_over_and_sent(shop: Shop, user: str) -> None:
    def taken_over() -> dict[str, Any] | None:
        shop.customer.post("/api/templates/import")
        listed = shop.customer.get("/api/templates").json()["templates"]
        return next((each for each in listed if each["provider"]["name"] == "order_update"), None)

    until(taken_over, "the template was taken over")
    template = taken_over()
    assert template is not None
    assert template["provider"]["status"] == "APPROVED"
    values = {name: f"v{place}" for place, name in enumerate(template["variables"])}

    queue_id = shop.send(user, template_id=template["id"], variables=values)
    shop.until_is(queue_id, "Read")

    (post,) = shop.posts(user)
    assert post.type == "template"
    assert post.text.startswith("Hello v")
    sent = {component["type"].lower() for component in post.body["template"]["components"]}
    assert sent == {"header", "body", "button"}


def test_a_file_is_given_to_the_provider_once_and_sent_twice(shop: Shop) -> None:
    first, second = next(USERS), next(USERS)
    media_id = shop.upload(PDF, "application/pdf", "receipt.pdf")["media_id"]
    before = shop.graph.state()["calls"].get("POST /media", 0)

    for user in (first, second):
        file = {"media_id": media_id, "caption": "Your receipt"}
        shop.until_is(shop.send(user, media=file), "Read")

    assert shop.graph.state()["calls"]["POST /media"] == before + 1
    sent = [shop.posts(user)[0].body["document"] for user in (first, second)]
    assert sent[0] == sent[1]
    assert (sent[0]["caption"], sent[0]["filename"]) == ("Your receipt", "receipt.pdf")


def test_a_picture_at_a_link_is_sent_with_its_caption(shop: Shop, user: str) -> None:
    file = {"url": "https://example.com/a.jpg", "type": "image", "caption": "Look"}

    shop.until_is(shop.send(user, media=file), "Read")

    (post,) = shop.posts(user)
    assert post.body["image"] == {"link": "https://example.com/a.jpg", "caption": "Look"}


def test_a_reply_with_a_file_is_downloaded_by_its_owner_alone(shop: Shop, user: str) -> None:
    queue_id = shop.send(user, message="Where is it?")
    shop.until_is(queue_id, "Read")
    (post,) = shop.posts(user)
    file = {"base64": base64.b64encode(JPEG).decode(), "mime": "image/jpeg"}

    told = {"from": user, "type": "image", "content": {"caption": "Here"}, "file": file}
    shop.graph.tell("inbound", **told, reply_to=post.wamid)
    until(lambda: (shop.received("Here") or {}).get("media_status") == "kept", "the file is kept")

    reply = shop.received("Here")
    assert reply is not None
    assert (reply["number"], reply["kind"]) == (user, "image")
    assert reply["reply_to"] == queue_id
    found = shop.customer.get(f"/api/media/{reply['media_id']}")
    assert found.content == JPEG
    stranger = Client.member(shop.server, "stranger")
    assert stranger.get(f"/api/media/{reply['media_id']}").status_code == 404
    assert stranger.get(INBOX).json()["messages"] == []


def test_what_the_provider_refuses_fails_with_its_code_and_is_refunded(
    shop: Shop, user: str
) -> None:
    before = shop.credits
    shop.graph.fail({"fault": "131026", "to": user})

    message = shop.until_is(shop.send(user, message="Hello"), "Failed")

    assert message["error_code"] == "131026"
    assert "WhatsApp" in message["error_message"]
    assert shop.credits == before
    assert len(shop.posts(user)) == 1


def test_outside_its_window_a_message_fails_and_the_template_way_is_named(
    shop: Shop, user: str
) -> None:
    shop.graph.tell("numbers", windows=True)
    try:
        message = shop.until_is(shop.send(user, message="Hello"), "Failed")
    finally:
        shop.graph.tell("numbers", windows=False)

    assert message["error_code"] == "131047"
    assert "template" in message["error_message"]


def test_a_lost_answer_is_settled_by_its_callback_and_nothing_goes_twice(
    shop: Shop, user: str
) -> None:
    shop.graph.fail({"fault": "taken/close", "to": user})
    shop.graph.tell("manner", paused=True)
    queue_id = shop.send(user, message="Once")
    until(lambda: shop.posts(user), "it was posted")

    assert shop.message(queue_id)["status"] == "Sending"
    shop.graph.tell("manner")
    shop.until_is(queue_id, "Read")

    assert [post.taken for post in shop.posts(user)] == [True]


def test_callbacks_that_come_twice_mixed_and_without_our_words_do_no_harm(shop: Shop) -> None:
    users = [next(USERS) for _ in range(30)]
    manner = {"twice": 0.5, "disordered": True, "batch": 20, "gather": 0.05, "opaque": "never"}
    shop.graph.tell("manner", **manner, seed="mixed")
    before = shop.credits

    queue_ids = [shop.send(user, message="Hello") for user in users]
    for queue_id in queue_ids:
        shop.until_is(queue_id, "Read")
    until(lambda: shop.graph.state()["waiting"] == 0, "all was told")

    assert shop.credits == before - len(users)
    for queue_id in queue_ids:
        events = shop.customer.get(f"/api/messages/{queue_id}/events").json()["events"]
        types = [event["type"] for event in events]
        assert types.count("message.read") == 1
        assert len(types) == len(set(types))


def test_an_expired_token_stops_the_device_until_it_gets_a_new_one(shop: Shop, user: str) -> None:
    shop.graph.tell("businesses", token="EAAnew")
    queue_id = shop.send(user, message="Later")
    until(lambda: shop.device["reason"], "the device says why it is down")

    assert "token" in shop.device["reason"]
    assert "190" in shop.device["reason"]
    assert shop.message(queue_id)["status"] == "Queued"
    shop.configure(access_token="EAAnew")
    shop.until_is(queue_id, "Read")

    # The next tests know the first one.
    shop.graph.tell("businesses", token=TOKEN)
    shop.configure(access_token=TOKEN)
    shop.until_is(shop.send(next(USERS), message="Back"), "Read")

    until(shop.is_up, "the device is up again")
    assert [post.taken for post in shop.posts(user)].count(True) == 1


def test_one_callback_address_serves_all_numbers_of_an_app(shop: Shop, user: str) -> None:
    shop.graph.tell("numbers", id="11", display_phone_number="+1 555 000 0011")
    device = {"name": "Second", "kind": "cloud", "pool_id": shop.device["pool_id"]}
    config = shop.graph.device(phone_number_id="11")
    second = shop.admin.post("/api/devices", device | {"config": config}).json()["id"]
    path = f"/api/devices/{second}"
    try:
        until(lambda: shop.admin.get(path).json()["number"], "the second is up")
        shop.until_is(shop.send(user, message="Hello", device_id=second), "Read")
        assert [post.number for post in shop.posts(user)] == ["11"]
        shop.graph.tell("inbound", number="11", text="To the second", **{"from": user})
        until(lambda: shop.received("To the second"), "the second was written to")
        assert (shop.received("To the second") or {})["device_id"] == second
    finally:
        shop.admin.delete(path)


def test_the_number_s_health_is_shown_with_the_device(shop: Shop) -> None:
    number = shop.device["number"]

    assert number["quality"] == "GREEN"
    assert number["throughput"] == "STANDARD"
    assert number["messaging_limit"] == "TIER_2K"
    assert number["can_send"] == "AVAILABLE"


def test_its_secrets_are_told_to_nobody(shop: Shop) -> None:
    told = [
        shop.admin.get("/api/devices").text,
        shop.admin.get("/api/admin/audit").text,
        shop.customer.get("/api/devices").text,
        shop.server.log,
    ]

    for secret in (TOKEN, "EAAnew", APP_SECRET, VERIFY_TOKEN):
        assert not [text for text in told if secret in text]


def test_a_callback_that_is_not_signed_with_its_secret_is_not_believed(shop: Shop) -> None:
    url = f"{shop.server.url}/callbacks/cloud/{shop.device_id}"
    body = b'{"object":"whatsapp_business_account","entry":[]}'
    wrong = {"X-Hub-Signature-256": "sha256=" + "0" * 64}

    assert httpx.post(url, content=body, headers=wrong).status_code == 403
    assert httpx.post(url, content=body).status_code == 403
    query = {"hub.mode": "subscribe", "hub.verify_token": "no", "hub.challenge": "1"}
    assert httpx.get(url, params=query).status_code == 403
