"""The fake Graph's numbers, templates and files."""

import asyncio
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.graph.business import Business
from tests.support.graph.process import GraphProcess
from tests.support.graph.world import BUSINESS, NUMBER, TOKEN

JPEG = b"\xff\xd8\xff\xe0" + b"x" * 100


def form(content: bytes, mime: str, **changes: str | None) -> aiohttp.FormData:
    made = aiohttp.FormData()
    fields = {"messaging_product": "whatsapp", "type": mime, **changes}
    for name, value in fields.items():
        if value is not None:
            made.add_field(name, value)
    made.add_field("file", BytesIO(content), content_type=mime, filename="a.bin")
    return made


async def upload(shop: Business, content: bytes, mime: str, **changes: Any) -> tuple[int, Any]:
    return await shop.call("POST", f"{NUMBER}/media", data=form(content, mime, **changes))


async def test_a_number_tells_the_facts_it_is_asked_for(shop: Business) -> None:
    await shop.tell("numbers", quality_rating="YELLOW", can_send_message="BLOCKED")
    fields = "quality_rating,throughput,whatsapp_business_manager_messaging_limit,health_status"

    status, facts = await shop.call("GET", f"{NUMBER}?fields={fields}")

    assert status == 200
    assert facts.keys() == {"id", *fields.split(",")}
    assert facts["quality_rating"] == "YELLOW"
    assert facts["throughput"] == {"level": "STANDARD"}
    assert facts["whatsapp_business_manager_messaging_limit"] == "TIER_2K"
    assert facts["health_status"]["entities"][0]["errors"][0]["error_code"] == 141006


async def test_a_fact_that_there_is_not_is_refused(shop: Business) -> None:
    status, said = await shop.call("GET", f"{NUMBER}?fields=colour")

    assert (status, said["error"]["code"]) == (400, 100)


async def test_templates_come_in_pages(shop: Business) -> None:
    found, path = list[str](), f"{BUSINESS}/message_templates?limit=3&fields=name,status"
    while path:
        _, page = await shop.call("GET", path)
        found += [each["name"] for each in page["data"]]
        path = page["paging"].get("next", "").removeprefix(shop.base)

    assert found == [each.name for each in shop.graph.world.templates_of(BUSINESS)]


async def test_templates_are_shown_whole_and_by_state(shop: Business) -> None:
    fields = "id,name,language,status,category,components,parameter_format,quality_score"
    path = f"{BUSINESS}/message_templates?fields={fields}&status=APPROVED&name=welcome"

    _, page = await shop.call("GET", path)

    (welcome,) = page["data"]
    assert welcome.keys() == set(fields.split(","))
    assert welcome["parameter_format"] == "NAMED"
    assert welcome["quality_score"]["score"] == "GREEN"
    assert "next" not in page["paging"]
    assert (await shop.call("GET", welcome["id"]))[1] == welcome


async def test_a_business_lists_its_numbers(shop: Business) -> None:
    _, page = await shop.call("GET", f"{BUSINESS}/phone_numbers")

    assert [each["id"] for each in page["data"]] == [NUMBER]


async def test_an_uploaded_file_can_be_sent_fetched_and_deleted(shop: Business) -> None:
    status, said = await upload(shop, JPEG, "image/jpeg")
    assert status == 200, said
    sent, _ = await shop.send(text=None, type="image", image={"id": said["id"]})
    assert sent == 200

    _, file = await shop.call("GET", said["id"])
    assert (file["mime_type"], file["file_size"]) == ("image/jpeg", str(len(JPEG)))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with shop.session.get(file["url"], headers=headers) as answer:
        assert await answer.read() == JPEG
    assert (await shop.call("DELETE", said["id"]))[0] == 200
    async with shop.session.get(file["url"], headers=headers) as answer:
        assert answer.status == 404
    assert (await shop.call("GET", said["id"]))[0] == 400


@pytest.mark.parametrize(
    ("content", "mime", "changes", "code"),
    [
        (JPEG, "image/gif", {}, 100),
        (JPEG, "image/jpeg", {"messaging_product": None}, 100),
        (JPEG, "image/jpeg", {"type": "image/png"}, 100),
        (b"x" * (5 * 1024 * 1024 + 1), "image/jpeg", {}, 131053),
        (b"", "image/jpeg", {}, 131053),
    ],
    ids=["type", "product", "other_type", "too_large", "empty"],
)
async def test_a_file_that_cannot_be_sent_is_refused(
    shop: Business, content: bytes, mime: str, changes: dict[str, Any], code: int
) -> None:
    status, said = await upload(shop, content, mime, **changes)

    assert (status, said["error"]["code"]) == (400, code)


async def test_a_file_of_another_kind_fails_later(shop: Business) -> None:
    _, said = await upload(shop, b"%PDF-1.7", "application/pdf")
    await shop.send(text=None, type="image", image={"id": said["id"]})
    await shop.until(shop.told)

    assert shop.told()[0]["errors"][0]["code"] == 131053


async def test_a_file_is_the_number_s_that_it_was_uploaded_to(shop: Business) -> None:
    await shop.tell("numbers", id="11", display_phone_number="+1 555 0001")
    _, said = await upload(shop, JPEG, "image/jpeg")
    image = {"messaging_product": "whatsapp", "to": "+27821234567", "type": "image"}

    _, refused = await shop.call("POST", "11/messages", image | {"image": {"id": said["id"]}})

    assert refused["error"]["code"] == 131009


async def test_calls_are_counted(shop: Business) -> None:
    await upload(shop, JPEG, "image/jpeg")
    await shop.call("GET", NUMBER)

    _, state = await shop.call("GET", "/control/state")

    assert state["calls"]["POST /media"] == 1
    assert state["calls"]["GET /"] == 1
    assert state["files"] == 1


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("numbers", {"colour": "red"}),
        ("manner", {"batch": 1001}),
        ("manner", {"opaque": "sometimes"}),
        ("inbound", {}),
        ("businesses", {"callback_url": "http://127.0.0.1:9/callback"}),
    ],
)
async def test_what_it_does_not_understand_is_told_back(
    shop: Business, what: str, told: dict[str, Any]
) -> None:
    status, said = await shop.tell(what, **told)

    assert status == 400
    assert said["problem"]


def test_as_a_process_it_notes_what_outlives_it(tmp_path: Path) -> None:
    async def send(url: str) -> int:
        body = {
            "messaging_product": "whatsapp",
            "to": "+27821234567",
            "type": "text",
            "text": {"body": "Hello"},
            "biz_opaque_callback_data": "7:abc:1",
        }
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.post(f"{url}/v26.0/{NUMBER}/messages", json=body) as answer,
        ):
            return answer.status

    with GraphProcess.started(tmp_path) as graph:
        assert asyncio.run(send(graph.url)) == 200
        graph.fail({"fault": "131026", "times": 1})
        assert asyncio.run(send(graph.url)) == 400
        assert graph.state()["posts"] == 2

    assert [(post.opaque, post.taken, post.code) for post in graph.posts()] == [
        ("7:abc:1", True, 0),
        ("7:abc:1", False, 131026),
    ]
