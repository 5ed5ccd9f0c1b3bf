"""The fake Graph's webhooks: signed, in the sheet's shapes, late, twice, mixed and in batches."""

import base64
import json
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
from tests.support.graph.business import HELLO, USER, Business
from tests.support.graph.world import BUSINESS, NUMBER, TOKEN


async def behave(shop: Business, **manner: Any) -> None:
    status, said = await shop.tell("manner", **manner)
    assert status == 200, said


async def test_a_message_is_sent_delivered_and_read(shop: Business) -> None:
    _, said = await shop.send(biz_opaque_callback_data="7:abc:1")
    await shop.until(lambda: len(shop.told()) == 3)

    sent, delivered, read = shop.told()
    assert [each["status"] for each in (sent, delivered, read)] == ["sent", "delivered", "read"]
    for each in (sent, delivered, read):
        assert each["id"] == said["messages"][0]["id"]
        assert each["biz_opaque_callback_data"] == "7:abc:1"
        assert each["recipient_id"] == USER
        assert each["timestamp"].isdigit()
    assert sent["pricing"]["pricing_model"] == "PMP"
    assert "pricing" not in read
    (entry,) = shop.webhooks[0]["entry"]
    (change,) = entry["changes"]
    assert (entry["id"], change["field"]) == (BUSINESS, "messages")
    assert change["value"]["metadata"]["phone_number_id"] == NUMBER
    assert change["value"]["contacts"][0]["wa_id"] == USER


async def test_what_failed_has_errors_and_no_contacts(shop: Business) -> None:
    await shop.tell("faults", rules=[{"fault": "failed/131026"}])
    await shop.send()
    await shop.until(shop.told)

    (failed,) = shop.told()
    assert failed["status"] == "failed"
    (error,) = failed["errors"]
    assert error["code"] == 131026
    assert error["error_data"]["details"]
    assert "contacts" not in shop.webhooks[0]["entry"][0]["changes"][0]["value"]


async def test_its_bytes_are_not_those_of_another_writer(shop: Business) -> None:
    """The business checks each signature over the raw bytes; who writes them anew cannot."""
    await shop.tell("inbound", **{"from": USER, "text": "é http://a/b"})
    await shop.until(lambda: shop.told("messages"))

    (body,) = shop.bodies
    assert rb"\u00e9 http:\/\/a\/b" in body
    assert json.dumps(json.loads(body)).encode() != body


async def test_each_may_come_twice(shop: Business) -> None:
    await behave(shop, twice=1.0)
    await shop.send()
    await shop.until(lambda: len(shop.told()) == 6)

    assert sorted(each["status"] for each in shop.told()) == sorted(
        ["sent", "delivered", "read"] * 2
    )


async def test_they_may_come_in_any_order(shop: Business) -> None:
    await behave(shop, disordered=True, seed="a")
    for n in range(10):
        await shop.send(to=f"+2782000000{n}")
    await shop.until(lambda: len(shop.told()) == 30)

    by_message: dict[str, list[str]] = {}
    for each in shop.told():
        by_message.setdefault(each["id"], []).append(each["status"])
    orders = {tuple(order) for order in by_message.values()}
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {("delivered", "read", "sent")}


async def test_many_may_come_in_one_post(shop: Business) -> None:
    await shop.tell("numbers", mps=None)
    await behave(shop, paused=True, batch=1000, after=[0.0, 0.0])
    for n in range(400):
        await shop.send(to=f"+2782000{n:04}")
    assert shop.webhooks == []

    await behave(shop, batch=1000)
    await shop.until(lambda: len(shop.told()) == 1200)

    assert sorted(len(statuses(webhook)) for webhook in shop.webhooks) == [200, 1000]


def statuses(webhook: dict[str, Any]) -> list[Any]:
    return [
        status
        for entry in webhook["entry"]
        for change in entry["changes"]
        for status in change["value"]["statuses"]
    ]


async def test_a_post_may_have_several_entries_and_changes(shop: Business) -> None:
    await shop.tell(
        "businesses", id="2", token="EAAtwo", callback_url=shop.callback_url, verify=False
    )
    await shop.tell("numbers", id="22", business_id="2", display_phone_number="+1 555 0002")
    await shop.tell("numbers", id="11", display_phone_number="+1 555 0001")
    await behave(shop, paused=True, batch=50, after=[0.0, 0.0])
    for number, token in ((NUMBER, TOKEN), ("11", TOKEN), ("22", "EAAtwo")):
        status, said = await shop.call("POST", f"{number}/messages", HELLO, token)
        assert status == 200, said
    await shop.tell("inbound", **{"from": USER})
    await behave(shop, batch=50)
    await shop.until(lambda: shop.webhooks)

    (webhook,) = shop.webhooks
    entries = {entry["id"]: entry["changes"] for entry in webhook["entry"]}
    assert {id: len(changes) for id, changes in entries.items()} == {BUSINESS: 3, "2": 1}
    assert len(shop.told("messages")) == 1
    assert len(shop.told()) == 9


async def test_one_that_is_not_taken_comes_again_until_it_is(shop: Business) -> None:
    shop.refusing = 3
    await behave(shop, statuses=["sent"])
    await shop.send()
    await shop.until(shop.told)

    await shop.until(lambda: shop.refusing == 0)
    assert [each["status"] for each in shop.told()] == ["sent"]
    assert [each.status for each in shop.graph.courier.deliveries][:3] == [500] * 3


@pytest.mark.parametrize(
    ("opaque", "fault", "known"),
    [
        ("always", "", True),
        ("always", "failed/131000", True),
        ("unless_failed", "", True),
        ("unless_failed", "failed/131000", False),
        ("never", "", False),
    ],
)
async def test_our_words_may_be_missing(
    shop: Business, opaque: str, fault: str, known: bool
) -> None:
    await behave(shop, opaque=opaque)
    await shop.tell("faults", rules=[{"fault": fault}])
    await shop.send(biz_opaque_callback_data="7:abc:1")
    await shop.until(shop.told)

    assert ("biz_opaque_callback_data" in shop.told()[0]) is known


async def test_a_user_writes(shop: Business) -> None:
    _, said = await shop.tell(
        "inbound", **{"from": f"+{USER}", "text": "Hi", "reply_to": "wamid.X"}
    )
    await shop.until(lambda: shop.told("messages"))

    (message,) = shop.told("messages")
    assert message["id"] == said["id"]
    assert (message["from"], message["type"]) == (USER, "text")
    assert message["text"] == {"body": "Hi"}
    assert message["context"]["id"] == "wamid.X"


async def test_a_user_sends_a_file_that_can_be_fetched(shop: Business) -> None:
    content = b"\xff\xd8\xff" + b"x" * 500
    file = {"base64": base64.b64encode(content).decode(), "mime": "image/jpeg"}
    more = {"content": {"caption": "Look"}, "type": "image", "file": file}
    await shop.tell("inbound", **{"from": USER, **more})
    await shop.until(lambda: shop.told("messages"))

    (message,) = shop.told("messages")
    image = message["image"]
    assert (image["caption"], image["mime_type"]) == ("Look", "image/jpeg")
    assert image["sha256"] == sha256(content).hexdigest()
    _, found = await shop.call("GET", image["id"])
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with shop.session.get(found["url"], headers=headers) as answer:
        assert await answer.read() == content
    async with shop.session.get(found["url"]) as answer:
        assert answer.status == 401


async def test_a_template_s_state_is_told(shop: Business) -> None:
    told = {"name": "hello_world", "status": "PAUSED", "tell": True, "reason": "LOW_QUALITY"}
    await shop.tell("templates", **told)
    await shop.until(lambda: shop.webhooks)

    (change,) = shop.webhooks[0]["entry"][0]["changes"]
    assert change["field"] == "message_template_status_update"
    value = change["value"]
    assert (value["event"], value["reason"]) == ("PAUSED", "LOW_QUALITY")
    assert value["message_template_language"] == "en-US"


async def test_any_change_can_be_told(shop: Business) -> None:
    change = {"field": "account_update", "value": {"event": "ACCOUNT_VIOLATION"}}
    await shop.tell("changes", business_id=BUSINESS, changes=[change])
    await shop.until(lambda: shop.webhooks)

    assert shop.webhooks[0]["entry"][0]["changes"] == [change]


async def test_an_address_is_verified_before_it_is_told(shop: Business) -> None:
    told = {"override_callback_uri": shop.callback_url, "verify_token": "wrong"}
    status, said = await shop.call("POST", f"{BUSINESS}/subscribed_apps", told)
    assert (status, said["error"]["code"]) == (400, 100)

    told["verify_token"] = "fake-verify-token"
    assert (await shop.call("POST", f"{BUSINESS}/subscribed_apps", told))[0] == 200


async def test_without_an_address_nobody_is_told(shop: Business) -> None:
    await shop.tell("businesses", callback_url=None)
    await shop.send()
    await shop.tell("businesses", callback_url=shop.callback_url)
    async with aiohttp.ClientSession() as session:
        state = f"{shop.graph.url}/control/state"
        waiting = 1
        while waiting:
            async with session.get(state) as answer:
                waiting = (await answer.json())["waiting"]
