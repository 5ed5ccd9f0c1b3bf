"""The wire tells apart what did not leave, what was answered, and what nobody knows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from aiohttp import ClientTimeout
from tests.support.server import free_port
from tests.support.sockets import Serve, answering, certified, listening, request
from tests.support.transport import Faults, Transport

from waypost.drivers.news import Delivered, Read
from waypost.drivers.outgoing import Outgoing, Ref
from waypost.drivers.port import Accepted, DeviceDown, Outcome, Refused, Retry, Shelf, Unknown
from waypost.drivers.registry import Made, makers
from waypost.drivers.wire import TIMES, Wire
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.seal import Sealer

CLOCK = SystemClock()
ID = UUID("01990000-0000-7000-8000-000000000001")
HELLO = Outgoing(Ref(7, ID), "27821234567", 'Hé "llo"\n', "3EB0ABC", 2)
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def no_files(device_id: int) -> Shelf:
    raise AssertionError("A sandbox device asks for no files.")


def sandbox(settings: Settings, **config: object) -> Made:
    made = makers(settings, CLOCK, lambda: 0.5, Sealer(["k" * 32]), no_files)
    return made["sandbox"](5, config, {})


@asynccontextmanager
async def opened(url: str, times: ClientTimeout = TIMES) -> AsyncIterator[Wire]:
    made = Wire(url, 5, CLOCK, times)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def taking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes one message after another."""
    while await request(reader):
        writer.write(WHOLE)
    writer.close()


async def outcome_of(serve: Serve) -> Outcome:
    async with listening(serve) as url, opened(url) as made:
        return (await made.carry(HELLO)).outcome


async def test_a_message_is_posted_as_json_over_one_connection() -> None:
    seen: list[list[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append([])
        while whole := await request(reader):
            seen[-1].append(whole)
            writer.write(WHOLE)
        writer.close()

    async with listening(serve) as url, opened(f"{url}messages?x=1") as made:
        for _ in range(3):
            assert (await made.carry(HELLO)).outcome == Accepted("3EB0ABC")

    first, second = sorted(seen, key=len)
    assert first == []  # the knock
    assert len(second) == 3
    head, _, body = second[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /messages?x=1 HTTP/1.1\r\n")
    assert b"\r\ncontent-type: application/json\r\n" in head.lower()
    assert msgspec.json.decode(body) == {
        "id": "3EB0ABC",
        "to": "27821234567",
        "text": 'Hé "llo"\n',
        "account_id": 7,
        "message_id": str(ID),
        "attempt": 2,
        "device": 5,
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (WHOLE, Accepted("3EB0ABC")),
        (b"HTTP/1.0 202 OK\r\n\r\nas long as it lasts", Accepted("3EB0ABC")),
        (
            b'HTTP/1.1 422 No\r\nContent-Length: 33\r\n\r\n{"code": "BAD", "message": "Bad."}'[:-1],
            Refused("REFUSED", "The transport refused it with 422."),
        ),
        (
            b'HTTP/1.1 422 No\r\nContent-Length: 34\r\n\r\n{"code": "BAD", "message": "Bad."}',
            Refused("BAD", "Bad."),
        ),
        (
            b"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n",
            Retry("TRANSPORT_FAULT", "The transport answered 503.", timedelta(seconds=3)),
        ),
        (
            b"HTTP/1.1 302 There\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
            Retry("TRANSPORT_FAULT", "The transport answered 302."),
        ),
    ],
    ids=["taken", "until the end", "no JSON", "refused", "busy", "elsewhere"],
)
async def test_a_whole_answer_is_taken_at_its_word(answer: bytes, outcome: Outcome) -> None:
    assert await outcome_of(answering(answer)) == outcome


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{",
        b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"\x00\xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=[
        "nothing",
        "half a head",
        "half a body",
        "half a chunk",
        "garbage",
        "no length",
        "endless",
    ],
)
async def test_an_answer_that_is_not_whole_says_nothing(answer: bytes) -> None:
    assert isinstance(await outcome_of(answering(answer)), Unknown)


async def test_a_reset_after_the_request_leaves_nobody_knowing() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.transport.abort()

    assert isinstance(await outcome_of(serve), Unknown)


async def test_a_silence_leaves_nobody_knowing() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    for times in (ClientTimeout(sock_read=0.1), ClientTimeout(total=0.1)):
        async with listening(serve) as url, opened(url, times) as made:
            carried = await made.carry(HELLO)
        assert carried.outcome == Unknown("No answer came in time.")


async def test_a_body_is_read_only_so_far() -> None:
    hung_up = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await request(reader):
            writer.write(b"HTTP/1.1 422 No\r\n\r\n")
            try:
                while True:
                    writer.write(b" " * 65_536)
                    await writer.drain()
            except ConnectionError:
                hung_up.set()
        writer.close()

    outcome = await outcome_of(serve)

    assert isinstance(outcome, Refused)
    await asyncio.wait_for(hung_up.wait(), 5)


async def test_where_nobody_listens_nothing_left() -> None:
    async with opened(f"http://127.0.0.1:{free_port()}/") as made:
        assert isinstance((await made.carry(HELLO)).outcome, DeviceDown)
        assert isinstance(await made.open(), DeviceDown)


@pytest.mark.parametrize("url", ["http://no-such-host.invalid/", "http://", "http://127.0.0.1:x/"])
async def test_an_address_that_leads_nowhere_is_the_device_s_trouble(url: str) -> None:
    async with opened(url) as made:
        assert isinstance((await made.carry(HELLO)).outcome, DeviceDown)
        assert isinstance(await made.open(), DeviceDown)


async def test_a_certificate_that_nobody_vouches_for_lets_nothing_out(tmp_path: Path) -> None:
    read = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        read.append(await reader.read())
        writer.close()

    async with listening(serve, tls=certified(tmp_path)) as url, opened(url) as made:
        assert isinstance((await made.carry(HELLO)).outcome, DeviceDown)
        assert isinstance(await made.open(), DeviceDown)
    assert b"".join(read) == b""


async def test_a_handshake_that_never_ends_lets_nothing_out() -> None:
    times = ClientTimeout(connect=0.1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with listening(serve) as url, opened(url.replace("http", "https"), times) as made:
        assert isinstance((await made.carry(HELLO)).outcome, DeviceDown)
        assert isinstance(await made.open(), DeviceDown)


async def test_a_device_on_the_wire_is_up_again_once_somebody_listens_and_hears_receipts() -> None:
    port = free_port()
    settings = Settings(
        sandbox_wire_url=f"http://127.0.0.1:{port}/",
        sandbox_delivered_seconds=0.01,
        sandbox_read_seconds=0.02,
    )
    device = sandbox(settings).driver
    assert device.deduplicates
    assert isinstance(await device.connect([]), DeviceDown)

    heard = []
    async with listening(taking, port):
        assert await device.connect([]) is None
        for attempt in (1, 2):
            again = replace(HELLO, attempt=attempt)
            assert await device.send(again) == Accepted(HELLO.provider_id)
        async for event in device.events():
            heard.append(event)
            if isinstance(event, Read):
                break
        await device.close()

    assert [(type(event), event.ref) for event in heard] == [
        (Delivered, HELLO.ref),
        (Read, HELLO.ref),
    ]


@pytest.mark.parametrize("wired", [None, "http://127.0.0.1:1/"])
def test_a_device_says_whether_its_network_drops_repeats(wired: str | None) -> None:
    settings = Settings(sandbox_wire_url=wired)

    assert sandbox(settings, deduplicates=True).driver.deduplicates
    assert not sandbox(settings, deduplicates=False).driver.deduplicates


async def test_closing_waits_for_an_answer_that_is_under_way() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await request(reader):
            asked.set()
            await answer.wait()
            writer.write(WHOLE)
        writer.close()

    async with listening(serve) as url:
        made = sandbox(Settings(sandbox_wire_url=url))
        await made.driver.connect([])
        sending = asyncio.create_task(made.driver.send(HELLO))
        await asyncio.wait_for(asked.wait(), 5)
        closing = asyncio.create_task(made.driver.close())
        await asyncio.sleep(0)
        assert not closing.done()
        answer.set()

        assert isinstance(await sending, Accepted)
        await asyncio.wait_for(closing, 5)


FAULTS = {
    "": (Accepted, True),
    "refused": (Refused, False),
    "busy": (Retry, False),
    "limited": (Retry, False),
    "lost": (Unknown, False),
    "dropped": (Unknown, True),
    "silent": (Unknown, True),
    "slow": (Accepted, True),
    "garbage": (Unknown, True),
}


async def test_the_recording_transport_notes_what_it_was_given_and_fails_as_told(
    tmp_path: Path,
) -> None:
    with Transport.started(tmp_path) as transport:
        async with opened(transport.url, ClientTimeout(sock_read=1.0)) as made:
            for fault, (kind, _) in FAULTS.items():
                transport.tell(Faults(**{fault: 1.0} if fault else {}))
                message = replace(HELLO, ref=Ref(7, uuid4()), text=fault, provider_id=f"3EB{fault}")
                assert isinstance((await made.carry(message)).outcome, kind), fault
        sights = transport.sights()

    assert {sight.fault: sight.taken for sight in sights} == {
        fault: taken for fault, (_, taken) in FAULTS.items()
    }
    assert [sight.text for sight in sights] == list(FAULTS)
    assert {(s.to, s.account_id, s.attempt, s.device) for s in sights} == {("27821234567", 7, 2, 5)}
    assert [sight.id for sight in sights] == [f"3EB{fault}" for fault in FAULTS]


async def test_the_recording_transport_never_refuses_what_it_took(tmp_path: Path) -> None:
    with Transport.started(tmp_path) as transport:
        async with opened(transport.url) as made:
            transport.tell(Faults(dropped=1.0))
            assert isinstance((await made.carry(HELLO)).outcome, Unknown)
            transport.tell(Faults(busy=1.0))
            assert isinstance((await made.carry(HELLO)).outcome, Accepted)
        assert [(s.fault, s.taken) for s in transport.sights()] == [("dropped", True), ("", True)]


def test_the_recording_transport_s_faults_come_as_often_as_told_and_the_same_for_a_seed() -> None:
    def struck(seed: str) -> list[str]:
        faults = Faults(seed=seed, busy=0.2, dropped=0.1)
        return [faults.chosen("27821234567", f"message {n}", 0) for n in range(2000)]

    assert struck("a") == struck("a") != struck("b")
    assert 300 < struck("a").count("busy") < 500
    assert 130 < struck("a").count("dropped") < 270
