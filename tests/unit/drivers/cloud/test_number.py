"""A number proves itself when it connects, and tells of itself and its templates while it is up."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from tests.support.cloud_driver import HELLO, frozen, numbered
from tests.support.provider import BUSINESS, FACTS, NUMBER, TOKEN, Provider, provider, refusal
from tests.support.server import free_port
from tests.support.sockets import answer, listening

from waypost.drivers.cloud import watch
from waypost.drivers.cloud.driver import CloudDriver
from waypost.drivers.news import ApprovedTemplate, DriverEvent, NumberNews, TemplatesNews
from waypost.drivers.port import TOO_LATE, Accepted, DeviceDown, Fetched, FetchesMedia, Shelf
from waypost.drivers.registry import LOCKED, Made, makers
from waypost.drivers.secrets import seal
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.seal import Sealer

CLOCK = SystemClock()
WHOLE = {
    "display_phone_number": "+1 555-078-3881",
    "verified_name": "Waypost Test",
    "quality_rating": "GREEN",
    "throughput": {"level": "STANDARD"},
    "whatsapp_business_manager_messaging_limit": "TIER_2K",
    "health_status": {"can_send_message": "AVAILABLE", "entities": []},
    "id": NUMBER,
}
UNPAID = {
    "error_code": 131042,
    "error_description": "There is no way to pay.",
    "possible_solution": "Add one.",
}


def health(word: str, *found: dict[str, Any]) -> bytes:
    entities = [
        {"entity_type": "PHONE_NUMBER", "can_send_message": "AVAILABLE"},
        {"entity_type": "WABA", "can_send_message": word, "errors": list(found)},
    ]
    told = {"can_send_message": word, "entities": entities}
    return answer(200, {**WHOLE, "health_status": told})


async def heard(driver: CloudDriver, kind: type[DriverEvent], times: int = 1) -> list[Any]:
    """The first news of a kind."""
    found: list[Any] = []
    async for event in driver.events():
        if isinstance(event, kind):
            found.append(event)
        if len(found) == times:
            break
    return found


async def connected(said: bytes) -> tuple[DeviceDown | None, Provider]:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        there.say(NUMBER, said)
        return await driver.connect([]), there


async def test_connecting_asks_for_the_number_under_its_token() -> None:
    down, there = await connected(answer(200, WHOLE))

    assert down is None
    asked = there.asked[0]
    assert (asked.method, asked.path) == ("GET", f"/v26.0/{NUMBER}")
    assert "health_status" in asked.query["fields"].split(",")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


async def test_what_the_provider_says_of_the_number_is_told() -> None:
    clock = frozen()
    async with provider() as there, numbered(there.url, clock) as driver:
        there.say(NUMBER, answer(200, WHOLE))
        await driver.connect([])

        facts = {
            "display_phone_number": "+1 555-078-3881",
            "verified_name": "Waypost Test",
            "quality": "GREEN",
            "throughput": "STANDARD",
            "messaging_limit": "TIER_2K",
            "can_send": "AVAILABLE",
            "problems": [],
        }
        assert await heard(driver, NumberNews) == [NumberNews(5, clock.now(), facts)]


async def test_a_number_of_which_nothing_is_said_is_up() -> None:
    assert (await connected(answer(200, {"id": NUMBER})))[0] is None


async def test_a_version_that_does_not_know_a_field_is_asked_without_them() -> None:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        there.say(NUMBER, refusal(100), answer(200, FACTS))

        assert await driver.connect([]) is None

        assert [asked.query for asked in there.asked[:2] if "fields" not in asked.query] == [{}]
        assert (await heard(driver, NumberNews))[0].facts["quality"] == "GREEN"


DOWNS = {
    "token": (refusal(190, 401), "access token is invalid", 10),
    "permission": (refusal(10, 403), "lacks a permission", 10),
    "gone": (refusal(33), "does not exist", 10),
    "unregistered": (refusal(133010), "not registered", 10),
    "locked": (refusal(131031, 403), "locked", 60),
    "unpaid": (health("BLOCKED", UNPAID), "payment method", 60),
    "no payment": (health("BLOCKED", {"error_code": 141006}), "payment method", 60),
    "passing": (refusal(131016, 500), "(131016)", None),
    "page": (b"HTTP/1.1 502 So\r\nContent-Length: 0\r\n\r\n", "answered 502", None),
    "no page": (b"HTTP/1.1 200 So\r\nContent-Length: 2\r\n\r\n[]", "answered 200", None),
}


@pytest.mark.parametrize(("said", "reason", "minutes"), DOWNS.values(), ids=DOWNS)
async def test_a_number_that_cannot_send_says_why(
    said: bytes, reason: str, minutes: int | None
) -> None:
    down, _ = await connected(said)

    assert down is not None
    assert reason in down.reason
    assert down.after == (None if minutes is None else timedelta(minutes=minutes))


async def test_a_number_that_does_not_exist_says_so() -> None:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        said = refusal(100, 400, "Object with ID '1' does not exist.")
        there.say(NUMBER, said, said)

        down = await driver.connect([])

    assert down is not None
    assert "does not exist" in down.reason


@pytest.mark.parametrize(
    "said",
    [health("LIMITED", UNPAID), health("BLOCKED"), health("BLOCKED", {"error_code": 999_999})],
    ids=["limited", "without a word", "for a reason that is not known"],
)
async def test_a_word_without_a_known_error_stops_nobody(said: bytes) -> None:
    assert (await connected(said))[0] is None


async def test_what_hinders_a_number_is_told() -> None:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        there.say(NUMBER, health("BLOCKED", UNPAID))
        await driver.connect([])

        told = (await heard(driver, NumberNews))[0].facts

    assert told["can_send"] == "BLOCKED"
    assert told["problems"] == [
        {
            "of": "WABA",
            "code": "131042",
            "description": "There is no way to pay.",
            "solution": "Add one.",
        }
    ]


def template(name: str) -> dict[str, str]:
    return {"id": name, "name": name, "language": "en_US", "status": "APPROVED"}


async def test_all_pages_of_templates_are_told_at_once() -> None:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        paging = {"cursors": {"after": "AFTER"}, "next": "https://example.org/"}
        there.say(
            "message_templates",
            answer(200, {"data": [template("one")], "paging": paging}),
            answer(200, {"data": [template("two")], "paging": {"cursors": {"after": "END"}}}),
        )
        await driver.connect([])

        news = (await heard(driver, TemplatesNews))[0]

        assert news.business_account_id == BUSINESS
        assert [each.name for each in news.templates] == ["one", "two"]
        assert isinstance(news.templates[0], ApprovedTemplate)
        asked = [each for each in there.asked if each.route == "message_templates"]
        assert [each.query.get("after") for each in asked] == [None, "AFTER"]
        assert asked[0].path == f"/v26.0/{BUSINESS}/message_templates"


async def test_a_list_that_does_not_come_whole_is_not_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "LEAST_SECONDS", 0.0)
    async with provider() as there, numbered(there.url, CLOCK) as driver:
        refused = asyncio.Event()

        async def refuse(writer: asyncio.StreamWriter) -> None:
            writer.write(refusal(4))
            refused.set()

        paging = {"cursors": {"after": "AFTER"}, "next": "https://example.org/"}
        there.say(
            "message_templates",
            answer(200, {"data": [template("one")], "paging": paging}),
            refuse,
            answer(200, {"data": [template("two")]}),
        )
        await driver.connect([])
        await asyncio.wait_for(refused.wait(), 5)
        driver.refresh()

        told = (await heard(driver, TemplatesNews))[0]

    assert [each.name for each in told.templates] == ["two"]


async def test_a_list_that_did_not_come_is_asked_for_soon_and_not_in_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "LEAST_SECONDS", 0.02)
    async with provider() as there, numbered(there.url, CLOCK) as driver:
        listed = answer(200, {"data": [template("one")]})
        there.say("message_templates", refusal(2, 503), refusal(2, 503), listed)
        await driver.connect([])

        told = (await heard(driver, TemplatesNews))[0]

        assert [each.name for each in told.templates] == ["one"]
        looks = [asked for asked in there.asked if asked.route == NUMBER]
        assert len(looks) == 3, "the number is looked at meanwhile"


async def test_while_it_is_up_it_tells_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(watch, "LEAST_SECONDS", 0.0)
    async with provider() as there, numbered(there.url, CLOCK) as driver:
        await driver.connect([])

        assert len(await heard(driver, TemplatesNews, 2)) == 2
        assert len(await heard(driver, NumberNews, 4)) == 4


async def test_a_token_that_expires_meanwhile_stops_the_number_before_a_message_meets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.01)
    async with provider() as there, numbered(there.url, CLOCK) as driver:
        there.say(NUMBER, answer(200, FACTS), refusal(190, 401), answer(200, FACTS))
        await driver.connect([])
        await heard(driver, NumberNews, 2)  # those around the refusal

        assert isinstance(await driver.send(HELLO), DeviceDown)

    assert there.posts() == []


async def test_a_message_whose_time_is_over_does_not_go() -> None:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        assert await driver.send(replace(HELLO, deadline=0.0)) == TOO_LATE
        assert there.asked == []


async def test_messages_to_many_are_not_remembered_for_long() -> None:
    clock = frozen()
    async with provider() as there, numbered(there.url, clock) as driver:
        for number in count():
            await driver.send(replace(HELLO, to=f"2782{number:07}"))
            clock.advance(timedelta(seconds=1))
            if number == 200:
                break

        assert len(driver._breaker._pairs._pairs) < 70


async def test_closing_waits_for_an_answer_that_is_under_way_and_ends_the_news() -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        asked.set()
        await goes_on.wait()
        writer.write(answer(200, {"messages": [{"id": "wamid.1"}]}))
        writer.close()

    async with listening(serve) as url, numbered(url.rstrip("/"), CLOCK) as driver:
        sending = asyncio.create_task(driver.send(HELLO))
        await asyncio.wait_for(asked.wait(), 5)
        closing = asyncio.create_task(driver.close())
        await asyncio.sleep(0)
        assert not closing.done()

        goes_on.set()
        await asyncio.wait_for(closing, 5)

        assert sending.result() == Accepted("wamid.1")
        assert [event async for event in driver.events()] == []


def no_files(device_id: int) -> Shelf:
    class NoFiles:
        provider_id = open = note = None

    return NoFiles()  # type: ignore[return-value]


def cloud(config: dict[str, object], sealed: dict[str, bytes], sealer: Sealer) -> Made:
    settings = Settings(cloud_graph_url=f"http://127.0.0.1:{free_port()}")
    return makers(settings, CLOCK, lambda: 0.5, sealer, no_files)["cloud"](5, config, sealed)


SEALER = Sealer(["k" * 32])
CONFIG: dict[str, object] = {"phone_number_id": NUMBER, "business_account_id": BUSINESS}


async def test_a_device_s_driver_has_its_own_address_and_its_own_token() -> None:
    async with provider() as there:
        sealed = seal(SEALER, 5, {"access_token": TOKEN, "app_secret": "x", "verify_token": "y"})
        made = cloud({**CONFIG, "graph_url": there.url}, sealed, SEALER)

        assert await made.driver.connect([]) is None
        assert isinstance(await made.driver.send(HELLO), Accepted)
        await made.driver.close()

    assert not made.driver.deduplicates
    assert isinstance(made.driver, FetchesMedia)
    assert Fetched("a/b", 1).size == 1


@pytest.mark.parametrize(
    ("sealed", "sealer"),
    [
        (seal(SEALER, 5, {"access_token": TOKEN}), Sealer(["x" * 32])),
        (seal(SEALER, 6, {"access_token": TOKEN}), SEALER),
        (seal(SEALER, 5, {"app_secret": TOKEN}), SEALER),
        ({}, SEALER),
    ],
    ids=["another key", "another device's", "no token", "nothing"],
)
async def test_a_device_whose_secrets_cannot_be_opened_is_down_and_says_so(
    sealed: dict[str, bytes], sealer: Sealer
) -> None:
    driver = cloud(CONFIG, sealed, sealer).driver

    assert await driver.connect([]) == DeviceDown(LOCKED)
    assert await driver.send(HELLO) == DeviceDown(LOCKED)
    await driver.close()
    assert [event async for event in driver.events()] == []
