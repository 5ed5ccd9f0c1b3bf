"""The fake Graph fails in each way it is told to, and notes the truth about each message."""

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.graph.business import HELLO, USER, Business
from tests.support.graph.faults import WAYS, Fault
from tests.support.graph.refusals import TABLE
from tests.support.graph.world import BUSINESS, NUMBER

LOST: dict[str, type[Exception]] = {
    "close": aiohttp.ServerDisconnectedError,
    "reset": aiohttp.ClientOSError,
    "hang": TimeoutError,
    "truncated": aiohttp.ClientPayloadError,
    "garbage": aiohttp.ClientResponseError,
    "page": ValueError,
}
SOON = aiohttp.ClientTimeout(total=0.3)


async def told(shop: Business, *rules: dict[str, Any], **more: Any) -> None:
    status, said = await shop.tell("faults", rules=list(rules), **more)
    assert status == 200, said


@pytest.mark.parametrize("code", [code for code in TABLE if code < 200 or code > 210])
async def test_each_code_of_the_table_can_be_its_answer(shop: Business, code: int) -> None:
    await told(shop, {"fault": str(code), "times": 1})

    status, said = await shop.send()

    assert status == TABLE[code][0]
    error = said["error"]
    assert error["code"] == code
    assert error["message"].startswith(f"(#{code}) ")
    assert error["error_data"]["messaging_product"] == "whatsapp"
    assert (await shop.send())[0] == 200
    refused, taken = shop.graph.notes.posts
    assert (refused.taken, refused.code, refused.fault) == (False, code, str(code))
    assert taken.taken


def test_the_table_has_every_code_of_the_driver_s_page() -> None:
    """So that no row of the outcome table goes without its fault."""
    page = Path(__file__).parents[3] / "docs" / "official-number-errors.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    codes = {int(code) for row in rows for code in re.findall(r"\b\d{1,6}\b", row.split("|")[1])}

    assert codes
    assert codes <= TABLE.keys()


@pytest.mark.parametrize("way", LOST)
@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not_taken"])
async def test_each_way_to_lose_an_answer(shop: Business, way: str, taken: bool) -> None:
    fault = f"taken/{way}" if taken else way
    await told(shop, {"fault": fault, "times": 1})

    with pytest.raises(LOST[way]):
        await shop.call("POST", f"{NUMBER}/messages", HELLO, timeout=SOON)

    assert [(post.taken, post.fault) for post in shop.graph.notes.posts] == [(taken, fault)]
    if taken:
        await shop.until(shop.told)
        assert {each["id"] for each in shop.told()} == {shop.graph.notes.posts[0].wamid}


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_page_may_come_with_any_status(shop: Business, status: int) -> None:
    await told(shop, {"fault": f"http/{status}"})

    url = f"{shop.base}{NUMBER}/messages"
    headers = {"Authorization": "Bearer EAAfakeGraphToken"}
    async with shop.session.post(url, json=HELLO, headers=headers) as answer:
        assert answer.status == status
        assert answer.content_type == "text/html"
    assert not shop.graph.notes.posts[0].taken


async def test_an_error_may_have_a_string_for_its_data(shop: Business) -> None:
    await told(shop, {"fault": "bare/131000"})

    status, said = await shop.send()

    assert (status, said["error"]["code"]) == (500, 131000)
    assert isinstance(said["error"]["error_data"], str)


async def test_too_many_calls_tell_when_access_is_regained(shop: Business) -> None:
    await told(shop, {"fault": "80007", "regained_after": 7})

    url = f"{shop.base}{NUMBER}/messages"
    headers = {"Authorization": "Bearer EAAfakeGraphToken"}
    async with shop.session.post(url, json=HELLO, headers=headers) as answer:
        usage = answer.headers["X-Business-Use-Case-Usage"]
    assert BUSINESS in usage
    assert '"estimated_time_to_regain_access":7' in usage


@pytest.mark.parametrize(
    ("fault", "status"), [("held", "held_for_quality_assessment"), ("", "accepted")]
)
async def test_a_template_may_be_held(shop: Business, fault: str, status: str) -> None:
    await told(shop, {"fault": fault})
    template = {"name": "hello_world", "language": {"code": "en_US"}}

    _, said = await shop.send(text=None, type="template", template=template)

    assert said["messages"][0]["message_status"] == status


async def test_an_empty_answer_is_json_without_a_message(shop: Business) -> None:
    await told(shop, {"fault": "taken/empty"})

    assert await shop.send() == (200, {})
    assert shop.graph.notes.posts[0].taken


async def test_the_webhook_may_come_before_the_answer(shop: Business) -> None:
    await told(shop, {"fault": "early"})

    _, said = await shop.send()

    (first, *_) = shop.told()
    assert (first["id"], first["status"]) == (said["messages"][0]["id"], "sent")


async def test_it_tells_all_of_what_it_took_though_the_sender_hangs_up(shop: Business) -> None:
    await told(shop, {"fault": "early"})
    shop.gate.clear()
    sending = asyncio.create_task(shop.send())
    await shop.until(lambda: shop.calling)

    sending.cancel()
    await asyncio.wait([sending])
    shop.gate.set()

    await shop.until(lambda: len(shop.told()) == 3)
    assert {each["status"] for each in shop.told()} == {"sent", "delivered", "read"}


async def test_a_rule_strikes_only_whom_it_names(shop: Business) -> None:
    await told(
        shop,
        {"fault": "131026", "to": USER},
        {"fault": "132015", "template": "hello_world"},
        {"fault": "131031", "number": "999"},
        {"fault": "190", "on": "templates"},
    )
    template = {"name": "hello_world", "language": {"code": "en_US"}}
    paused = {"text": None, "type": "template", "template": template}

    assert (await shop.send())[1]["error"]["code"] == 131026
    assert (await shop.send(to="+27821230000"))[0] == 200
    assert (await shop.send(to="+27821230000", **paused))[1]["error"]["code"] == 132015
    assert (await shop.call("GET", f"{BUSINESS}/message_templates"))[1]["error"]["code"] == 190


async def test_chances_strike_the_same_messages_of_the_same_seed(shop: Business) -> None:
    seen = []
    for seed in ("one", "one", "two"):
        await told(shop, seed=seed, chances={"131026": 0.3, "http/503": 0.0, "held": 0.3})
        before = len(shop.graph.notes.posts)
        for n in range(30):
            await shop.send(text={"body": f"Hello {n}"}, to=f"+2782000{n:04}")
        seen.append([post.fault for post in shop.graph.notes.posts[before:]])

    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
    assert set(seen[0]) == {"", "131026", "held"}


@pytest.mark.parametrize("written", ["fire", "taken/fire", "taken/131026", "http/page", "/close"])
async def test_what_is_no_fault_is_told_back(shop: Business, written: str) -> None:
    status, said = await shop.tell("faults", rules=[{"fault": written}])

    assert status == 400
    assert "is no fault" in said["problem"]


def test_what_does_not_reach_the_answer_is_not_taken() -> None:
    assert not any(Fault.read(way).taken for way in WAYS if way != "slow")
    assert all(Fault.read(f"taken/{way}").taken for way in WAYS)
    assert not any(Fault.read(each).taken for each in ("190", "bare/190", "http/500"))
    assert all(Fault.read(each).taken for each in ("", "early", "held", "failed/131026"))
