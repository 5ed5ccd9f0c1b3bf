"""Where a call breaks decides: what cannot have left may go again, all else is unknown."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import ClientTimeout
from tests.support.cloud_driver import HELLO, frozen, numbered
from tests.support.provider import (
    TOKEN,
    Provider,
    Way,
    close,
    provider,
    refusal,
    reset,
    saying,
    taken,
)
from tests.support.server import free_port
from tests.support.sockets import answer, certified, listening

from waypost.drivers.port import Accepted, DeviceDown, Outcome, Refused, Retry, Unknown
from waypost.kit.clock import SystemClock

CLOCK = SystemClock()
SOON = ClientTimeout(connect=2.0, sock_read=0.1)
WHOLE = taken("wamid.1")
UNREACHED = Retry("UNREACHED", "The provider could not be reached.", counts=False)


async def outcome(*answers: bytes | Way, times: ClientTimeout = SOON) -> tuple[Outcome, Provider]:
    async with provider() as there, numbered(there.url, CLOCK, times=times) as driver:
        there.say("messages", *answers)
        return await driver.send(HELLO), there


async def test_where_nobody_listens_nothing_left() -> None:
    async with numbered(f"http://127.0.0.1:{free_port()}", CLOCK) as driver:
        assert await driver.send(HELLO) == UNREACHED


async def test_where_there_is_no_such_name_nothing_left() -> None:
    async with numbered("https://nowhere.invalid", CLOCK) as driver:
        assert await driver.send(HELLO) == UNREACHED


async def test_a_certificate_that_nobody_vouches_for_lets_nothing_out(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async with (
        listening(serve, tls=certified(tmp_path)) as url,
        numbered(url.rstrip("/"), CLOCK) as driver,
    ):
        assert await driver.send(HELLO) == UNREACHED
    assert b"".join(heard) == b""


@pytest.mark.parametrize("way", [close, reset, saying(b"HTTP/1.1 400 No\r\n\r\n")])
async def test_a_handshake_that_breaks_lets_nothing_out(way: Way) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await way(writer)
        writer.close()

    async with listening(serve) as url:
        there = url.rstrip("/").replace("http:", "https:")
        async with numbered(there, CLOCK) as driver:
            assert await driver.send(HELLO) == UNREACHED


async def test_a_handshake_that_never_ends_lets_nothing_out() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(serve) as url:
        there = url.rstrip("/").replace("http:", "https:")
        async with numbered(there, CLOCK, times=ClientTimeout(connect=0.1)) as driver:
            sent = await driver.send(HELLO)

    assert isinstance(sent, Retry)
    assert not sent.counts


LOST = {
    "closed": close,
    "reset": reset,
    "half a head": saying(WHOLE[:20]),
    "half a body": saying(WHOLE[:-5]),
    "no HTTP": saying(b"\x00\xffthis is not HTTP\r\n\r\n"),
}


@pytest.mark.parametrize("way", LOST.values(), ids=LOST)
async def test_an_answer_that_breaks_says_nothing(way: Way) -> None:
    sent, there = await outcome(way)

    assert isinstance(sent, Unknown)
    assert len(there.posts()) == 1


@pytest.mark.parametrize("said", [b"", WHOLE[:20], WHOLE[:-5]], ids=["none", "head", "body"])
async def test_an_answer_that_does_not_come_in_time_says_nothing(said: bytes) -> None:
    given_up = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await given_up.wait()

    async with provider() as there, numbered(there.url, CLOCK, times=SOON) as driver:
        there.say("messages", hang)
        sent = await driver.send(HELLO)
        given_up.set()

    assert sent == Unknown("No answer of the provider came in time.")


MEANINGLESS = {
    "no JSON": b"HTTP/1.1 200 So\r\nContent-Length: 6\r\n\r\n<html>",
    "no body": answer(200, None),
    "no object": answer(200, []),
    "no message": answer(200, {"messages": []}),
    "no id": answer(200, {"messages": [{}]}),
    "a page": b"HTTP/1.1 404 No\r\nContent-Length: 6\r\n\r\n<html>",
    "elsewhere": answer(302, {}, Location="https://example.org/"),
}


@pytest.mark.parametrize("said", MEANINGLESS.values(), ids=MEANINGLESS)
async def test_an_answer_that_says_neither_yes_nor_no_says_nothing(said: bytes) -> None:
    sent, there = await outcome(said)

    assert isinstance(sent, Unknown)
    assert len(there.asked) == 1


async def test_an_endless_answer_is_not_read_on() -> None:
    head = b"HTTP/1.1 200 So\r\nContent-Length: 99999999\r\n\r\n"

    sent, _ = await outcome(saying(head + b"x" * (9 << 20)))

    assert isinstance(sent, Unknown)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_page_that_refuses_lets_it_go_again(status: int) -> None:
    sent, _ = await outcome(page(status))

    assert sent == Retry(f"HTTP_{status}", f"The provider answered {status}.", counts=False)


def page(status: int) -> bytes:
    return f"HTTP/1.1 {status} So\r\nContent-Length: 6\r\n\r\n<html>".encode()


OF_A_GATEWAY = {
    "page": page,
    "message": lambda status: answer(status, {"error": {"message": "upstream request timeout"}}),
    "its own code": lambda status: answer(status, {"error": {"code": status, "message": "No."}}),
    "text": lambda status: answer(status, {"error": "Bad Gateway"}),
}


@pytest.mark.parametrize("status", [502, 504])
@pytest.mark.parametrize("said", OF_A_GATEWAY.values(), ids=OF_A_GATEWAY)
async def test_a_gateway_s_answer_does_not_say_what_became_of_it(
    said: Callable[[int], bytes], status: int
) -> None:
    sent, there = await outcome(said(status))

    assert isinstance(sent, Unknown)
    assert len(there.asked) == 1


async def test_an_answer_that_came_whole_is_its_word_though_the_connection_breaks() -> None:
    assert (await outcome(saying(WHOLE)))[0] == Accepted("wamid.1")


async def test_an_error_is_a_refusal_whatever_the_status() -> None:
    sent, _ = await outcome(refusal(131026, 200))

    assert isinstance(sent, Refused)
    assert sent.code == "131026"


async def test_a_connection_is_used_again() -> None:
    async with provider() as there, numbered(there.url, CLOCK) as driver:
        for _ in range(3):
            assert isinstance(await driver.send(HELLO), Accepted)

        assert there.connections == 1


async def test_a_message_is_not_written_again_where_a_used_connection_was_hung_up() -> None:
    async with provider() as there, numbered(there.url, CLOCK) as driver:
        there.say("messages", WHOLE, close)
        assert await driver.send(HELLO) == Accepted("wamid.1")

        assert isinstance(await driver.send(HELLO), Unknown)

        assert there.connections == 1
        assert len(there.posts()) == 2


async def test_a_token_that_the_provider_repeats_goes_no_further() -> None:
    said = refusal(131009, 400, f"Malformed access token {TOKEN}")

    sent, there = await outcome(said)

    assert there.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert isinstance(sent, Refused)
    assert "Malformed" in sent.message
    assert TOKEN not in sent.message


async def test_a_number_whose_provider_cannot_be_reached_is_down() -> None:
    async with numbered(f"http://127.0.0.1:{free_port()}", CLOCK) as driver:
        assert await driver.connect([]) == DeviceDown("The provider could not be reached.")


async def test_nothing_leaves_once_it_is_closed() -> None:
    async with provider() as there:
        async with numbered(there.url, frozen()) as driver:
            await driver.connect([])
        asked = len(there.asked)

        assert isinstance(await driver.send(HELLO), Retry)
        assert len(there.asked) == asked
