"""The fake Graph, which was written from the provider's pages alone, takes what the driver sends,
and tells what the driver asks for."""

import asyncio
import base64
from dataclasses import replace

import pytest
from tests.support.graph.world import BUSINESS, NUMBER, usual_templates
from tests.support.one_file import MEDIA_ID, PDF, TO, outgoing
from tests.support.rigs import Official

from waypost.drivers.news import DriverEvent, InboundMedia, NumberNews, TemplatesNews
from waypost.drivers.outgoing import Approved, ButtonParameter, Media, MediaKind, Parameter
from waypost.drivers.port import Accepted, Driver, Fetched, FetchesMedia, Refused, Retry

SECOND_DEVICE = 6


# What it sends.

LINK = "https://example.com/a"
FILES = [Media(kind, LINK, None, "a.pdf") for kind in MediaKind] + [
    Media(MediaKind.DOCUMENT, None, MEDIA_ID, "mine.pdf")
]
TEMPLATES = {
    "plain": (Approved("hello_world", "en_US"), "Hello World"),
    "positional": (
        Approved(
            "order_update",
            "en_US",
            header=(Parameter("7"),),
            body=(Parameter("Ann\nLee"), Parameter("a\t     b")),
            buttons=(ButtonParameter(0, "url", "x7"), ButtonParameter(1, "quick_reply", "stop")),
        ),
        "Hello Ann Lee, your order a     b is on its way.",
    ),
    "named": (
        Approved(
            "welcome",
            "en_US",
            header=(Parameter("Acme", "shop"),),
            body=(Parameter("123", "code"), Parameter("Ann", "first_name")),
        ),
        "Hello Ann, your code is 123. Use it soon.",
    ),
    "document": (
        Approved("receipt", "en_US", header_media=FILES[-1], body=(Parameter("Ann"),)),
        "Hello Ann, here is your receipt.",
    ),
    "coupon": (
        Approved(
            "summer_sale",
            "en_US",
            header_media=Media(MediaKind.IMAGE, LINK),
            body=(Parameter("Ann"),),
            buttons=(ButtonParameter(0, "copy_code", "SUN10"),),
        ),
        "Hello Ann, take a look.",
    ),
    "code": (
        Approved(
            "login_code",
            "en_US",
            body=(Parameter("123456"),),
            buttons=(ButtonParameter(0, "url", "123456"),),
        ),
        "*123456* is your verification code.",
    ),
}


@pytest.mark.parametrize("text", ["Hello", f"See {LINK}", "Hé 😀\n*x*", "x" * 4096])
async def test_a_text_is_taken_as_it_is(number: Official, text: str) -> None:
    assert isinstance(await number.driver.send(outgoing(text=text)), Accepted)

    (post,) = number.posts
    assert (post.text, post.to) == (text, TO)
    assert post.body["to"] == f"+{TO}"
    assert post.body["text"].get("preview_url", False) is (LINK in text)


@pytest.mark.parametrize("media", FILES, ids=lambda media: f"{media.kind}_{bool(media.link)}")
async def test_a_file_of_each_kind_is_taken(number: Official, media: Media) -> None:
    text = "" if media.kind is MediaKind.AUDIO else "Look"

    outcome = await number.driver.send(outgoing(text=text, media=media))

    assert isinstance(outcome, Accepted), outcome
    (post,) = number.posts
    assert (post.type, post.text) == (media.kind, text)


async def test_a_kept_file_is_given_once_whole(number: Official) -> None:
    outcomes = await asyncio.gather(
        *(number.driver.send(outgoing(f"2782000000{n}", media=FILES[-1])) for n in range(5))
    )

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    (file,) = number.shop.graph.world.files.values()
    assert (file.content, file.mime, file.filename) == (PDF, "application/pdf", "receipt.pdf")


@pytest.mark.parametrize("case", TEMPLATES)
async def test_a_template_of_each_shape_is_taken(number: Official, case: str) -> None:
    approved, text = TEMPLATES[case]

    outcome = await number.driver.send(outgoing(approved=approved))

    assert isinstance(outcome, Accepted), outcome
    (post,) = number.posts
    assert post.text.replace("    ", " ").split() == text.split()


# What it learns.


async def test_it_tells_of_its_number_and_of_all_templates(number: Official) -> None:
    await number.shop.tell("numbers", quality_rating="RED")
    for n in range(150):
        await number.shop.tell("templates", name=f"more_{n}")
    other = number.make(SECOND_DEVICE, NUMBER)
    assert await other.connect([]) is None

    news = await first_news(other, 2)
    await other.close()

    facts = next(each for each in news if isinstance(each, NumberNews)).facts
    assert (facts["quality"], facts["throughput"]) == ("RED", "STANDARD")
    templates = next(each for each in news if isinstance(each, TemplatesNews))
    assert templates.business_account_id == BUSINESS
    assert len(templates.templates) == 150 + len(usual_templates())


async def first_news(driver: Driver, count: int) -> list[DriverEvent]:
    heard: list[DriverEvent] = []
    async with asyncio.timeout(10):
        async for event in driver.events():
            heard.append(event)
            if len(heard) == count:
                break
    return heard


async def test_a_file_that_somebody_sent_is_fetched_whole(number: Official) -> None:
    content = b"\xff\xd8\xff" + bytes(range(256)) * 1000
    file = {"base64": base64.b64encode(content).decode(), "mime": "image/jpeg"}
    await number.shop.tell("inbound", **{"from": TO, "type": "image", "file": file})
    await number.shop.until(lambda: number.shop.told("messages"))
    (message,) = number.shop.told("messages")
    got = bytearray()

    async def take(chunk: bytes) -> None:
        got.extend(chunk)

    assert isinstance(number.driver, FetchesMedia)
    media = InboundMedia(message["image"]["id"], "image", "image/jpeg")
    assert await number.driver.fetch(media, take) == Fetched("image/jpeg", len(content))
    assert got == content

    gone = await number.driver.fetch(replace(media, provider_media_id="404"), take)
    assert isinstance(gone, Refused)
    for fault in ("http/500", "close", "truncated"):
        number.fail(fault, on="link")
        assert isinstance(await number.driver.fetch(media, take), Retry)
