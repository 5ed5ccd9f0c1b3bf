"""Files that we keep go to the provider once; files that people send come from it, and only it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import asyncpg
import pytest
from tests.support.cloud_driver import HELLO, Shelved, frozen, numbered
from tests.support.provider import NUMBER, TOKEN, Provider, close, provider, refusal, saying
from tests.support.sockets import answer

from waypost.drivers.cloud import files
from waypost.drivers.cloud.client import NotKept
from waypost.drivers.cloud.files import GONE, STRAY, TOO_LARGE
from waypost.drivers.news import InboundMedia
from waypost.drivers.outgoing import Approved, Media, MediaKind
from waypost.drivers.port import TOO_LATE, Accepted, DeviceDown, Fetched, Outcome, Refused, Retry
from waypost.kit.clock import SystemClock
from waypost.kit.errors import Unavailable

PICTURE = UUID("01990000-0000-7000-8000-00000000000a")
MEDIA = Media(MediaKind.IMAGE, media_id=PICTURE)
WITH_PICTURE = replace(HELLO, media=MEDIA)
PIXELS = bytes(range(256)) * 100
GIVEN = answer(200, {"id": "901"})
TAKEN = answer(200, {"messages": [{"id": "wamid.1"}]})

VOICE = InboundMedia("77", "audio", "audio/ogg")


def shelf() -> Shelved:
    return Shelved({PICTURE: PIXELS})


def uploads(there: Provider) -> int:
    return sum(asked.route == "media" for asked in there.asked)


async def test_a_file_that_we_keep_is_given_to_the_provider_once() -> None:
    kept = shelf()
    async with provider() as there, numbered(there.url, frozen(), kept) as driver:
        there.say("media", GIVEN)
        for _ in range(2):
            assert isinstance(await driver.send(WITH_PICTURE), Accepted)

        assert [post["image"]["id"] for post in there.posts()] == ["901", "901"]
        assert uploads(there) == 1
        assert kept.given == {PICTURE: "901"}


async def test_it_goes_as_a_form_of_known_length() -> None:
    async with provider() as there, numbered(there.url, frozen(), shelf()) as driver:
        there.say("media", GIVEN)
        await driver.send(WITH_PICTURE)
        asked = there.asked[0]

    assert (asked.method, asked.path) == ("POST", f"/v26.0/{NUMBER}/media")
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert int(asked.headers["content-length"]) == len(asked.body)
    parts = asked.body.split(b"--" + asked.headers["content-type"].split("=")[1].encode())
    fields = dict(part.strip(b"\r\n").split(b"\r\n\r\n", 1) for part in parts[1:-1])
    heads = {head.lower(): content for head, content in fields.items()}
    named = {
        part: next(c for h, c in heads.items() if part in h) for part in (b'"type"', b'"file"')
    }
    assert named == {b'"type"': b"image/png", b'"file"': PIXELS}
    assert any(b'name="messaging_product"' in h and c == b"whatsapp" for h, c in heads.items())
    assert any(b'filename="menu.png"' in h and b"image/png" in h for h in heads)


async def test_messages_with_the_same_file_wait_for_one_of_them_to_give_it() -> None:
    async with provider() as there, numbered(there.url, SystemClock(), shelf()) as driver:
        there.say("media", GIVEN)
        sent = await asyncio.gather(*(driver.send(WITH_PICTURE) for _ in range(5)))

        assert all(isinstance(each, Accepted) for each in sent)
        assert uploads(there) == 1
        assert driver._files._giving == {}


async def test_also_where_one_of_them_could_not() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def fails(writer: asyncio.StreamWriter) -> None:
        await first.wait()
        await close(writer)

    async def gives(writer: asyncio.StreamWriter) -> None:
        await second.wait()
        writer.write(answer(200, {"id": "901"}, Connection="close"))

    async with provider() as there, numbered(there.url, SystemClock(), shelf()) as driver:
        there.say("media", fails, gives)
        one = asyncio.create_task(driver.send(WITH_PICTURE))
        other = asyncio.create_task(driver.send(WITH_PICTURE))
        one.add_done_callback(lambda _: late.append(asyncio.create_task(send())))
        late: list[asyncio.Task[Outcome]] = []

        async def send() -> Outcome:
            second.set()
            return await driver.send(WITH_PICTURE)

        first.set()
        assert isinstance(await one, Retry)
        assert isinstance(await other, Accepted)
        assert isinstance(await late[0], Accepted)
        assert uploads(there) == 2
        assert driver._files._giving == {}


@pytest.mark.parametrize("code", [100, 131009, 131053])
async def test_a_file_whose_id_is_taken_no_more_is_given_anew(code: int) -> None:
    kept = shelf()
    kept.given[PICTURE] = "900"
    async with provider() as there, numbered(there.url, frozen(), kept) as driver:
        there.say("messages", refusal(code), TAKEN)
        there.say("media", GIVEN)

        again = await driver.send(WITH_PICTURE)
        assert isinstance(again, Retry)
        assert (again.code, again.after, again.counts) == (str(code), timedelta(0), True)
        assert isinstance(await driver.send(replace(WITH_PICTURE, attempt=2)), Accepted)

        assert [post["image"]["id"] for post in there.posts()] == ["900", "901"]
        assert kept.given == {PICTURE: "901"}


@pytest.mark.parametrize("attempt", [1, 3])
async def test_it_goes_once_more_whatever_happened_to_it_before(attempt: int) -> None:
    kept = shelf()
    kept.given[PICTURE] = "900"
    async with provider() as there, numbered(there.url, frozen(), kept) as driver:
        there.say("messages", refusal(131009))

        again = await driver.send(replace(WITH_PICTURE, attempt=attempt))

        assert isinstance(again, Retry)
        assert again.tries == attempt + 1


async def test_what_is_refused_with_a_new_id_is_refused_for_another_reason() -> None:
    kept = shelf()
    async with provider() as there, numbered(there.url, frozen(), kept) as driver:
        there.say("messages", refusal(100), refusal(100))
        there.say("media", GIVEN)

        for _ in range(2):
            assert isinstance(await driver.send(WITH_PICTURE), Refused)

        assert uploads(there) == 1
        assert kept.given == {PICTURE: "901"}


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(Unavailable("The database is away."), Retry), (asyncpg.DiskFullError("No room."), Refused)],
)
async def test_a_fault_of_ours_does_not_hide_that_the_provider_refused(
    trouble: Exception, kind: type[Outcome]
) -> None:
    kept = shelf()
    kept.given[PICTURE], kept.forgetting = "900", trouble
    async with provider() as there, numbered(there.url, frozen(), kept) as driver:
        there.say("messages", refusal(131053))

        assert isinstance(await driver.send(WITH_PICTURE), kind)


async def test_a_template_s_file_is_given_too() -> None:
    outgoing = replace(HELLO, approved=Approved("order", "en_US", header_media=MEDIA))
    async with provider() as there, numbered(there.url, frozen(), shelf()) as driver:
        there.say("media", GIVEN)
        assert isinstance(await driver.send(outgoing), Accepted)

        header = there.posts()[0]["template"]["components"][0]
        assert header["parameters"] == [{"type": "image", "image": {"id": "901"}}]


async def test_a_file_at_a_link_is_nobody_s_to_give() -> None:
    linked = replace(HELLO, media=Media(MediaKind.IMAGE, link="https://example.org/a.png"))
    async with provider() as there, numbered(there.url, frozen()) as driver:
        assert isinstance(await driver.send(linked), Accepted)
        assert uploads(there) == 0


async def test_a_file_that_is_kept_no_more_ends_its_message() -> None:
    async with provider() as there, numbered(there.url, frozen()) as driver:
        assert await driver.send(WITH_PICTURE) == GONE
        assert there.asked == []


@pytest.mark.parametrize(
    "trouble", [Unavailable("The database is away."), asyncpg.DiskFullError("No room.")]
)
async def test_while_the_database_fails_its_message_waits(trouble: Exception) -> None:
    failing = Shelved(trouble=trouble)
    async with provider() as there, numbered(there.url, frozen(), failing) as driver:
        sent = await driver.send(WITH_PICTURE)

        assert isinstance(sent, Retry)
        assert not sent.counts
        assert there.asked == []


async def test_giving_a_file_can_take_too_long_for_its_message() -> None:
    clock = frozen()
    outgoing = replace(WITH_PICTURE, deadline=clock.boottime() + 1)
    async with provider() as there, numbered(there.url, clock, shelf()) as driver:

        async def late(writer: asyncio.StreamWriter) -> None:
            clock.advance(timedelta(seconds=2))
            writer.write(GIVEN)

        there.say("media", late)

        assert await driver.send(outgoing) == TOO_LATE
        assert there.posts() == []


def page(status: int) -> bytes:
    return f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode()


# With what each ends: a code, and whether the attempt counts and how many there are.
UPLOADS: dict[str, tuple[object, tuple[str, bool, int | None]]] = {
    "answer lost": (close, ("UPLOAD_LOST", False, None)),
    "down": (page(503), ("HTTP_503", False, None)),
    "gateway": (page(504), ("HTTP_504", False, None)),
    "busy": (refusal(131016, 500), ("131016", False, None)),
    "no id": (answer(200, {}), ("UPLOAD_STRANGE", True, 5)),
}


@pytest.mark.parametrize(("said", "ends"), UPLOADS.values(), ids=UPLOADS)
async def test_a_message_whose_file_was_not_taken_has_surely_not_left(
    said: object, ends: tuple[str, bool, int | None]
) -> None:
    async with provider() as there, numbered(there.url, frozen(), shelf()) as driver:
        there.say("media", said)  # type: ignore[arg-type]
        sent = await driver.send(WITH_PICTURE)

        assert isinstance(sent, Retry)
        assert (sent.code, sent.counts, sent.tries) == ends
        assert there.posts() == []


@pytest.mark.parametrize(
    ("said", "kind"), [(refusal(131053), Refused), (refusal(190, 401), DeviceDown)]
)
async def test_a_file_or_a_token_that_is_refused_is_no_passing_fault(
    said: object, kind: type[Outcome]
) -> None:
    async with provider() as there, numbered(there.url, frozen(), shelf()) as driver:
        there.say("media", said)  # type: ignore[arg-type]

        assert isinstance(await driver.send(WITH_PICTURE), kind)

        assert there.posts() == []


async def fetched(there: Provider, *answers: object, at: str | None = None) -> tuple[object, bytes]:
    """What comes of a file whose address answers so, and its bytes."""
    got = bytearray()

    async def into(part: bytes) -> None:
        got.extend(part)

    address = f"{there.url}/lookaside" if at is None else at
    there.say("77", answer(200, {"url": address, "mime_type": "audio/aac", "id": "77"}))
    there.say("lookaside", *answers)  # type: ignore[arg-type]
    async with numbered(there.url, frozen()) as driver:
        return await driver.fetch(VOICE, into), bytes(got)


def bytes_of(content: bytes) -> bytes:
    head = f"HTTP/1.1 200 So\r\nContent-Type: audio/aac\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def test_a_file_that_somebody_sent_comes_whole_under_the_token() -> None:
    async with provider() as there:
        outcome, got = await fetched(there, bytes_of(PIXELS))

        assert outcome == Fetched("audio/aac", len(PIXELS))
        assert sha256(got).digest() == sha256(PIXELS).digest()
        assert [asked.path for asked in there.asked] == ["/v26.0/77", "/lookaside"]
        assert {asked.headers["authorization"] for asked in there.asked} == {f"Bearer {TOKEN}"}


FETCHES: dict[str, object] = {
    "cut off": saying(bytes_of(PIXELS)[:-1]),
    "hung up": close,
    "address over": b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    "round and round": b"HTTP/1.1 302 So\r\nLocation: /lookaside\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("said", FETCHES.values(), ids=FETCHES)
async def test_a_file_that_does_not_come_is_fetched_later(said: object) -> None:
    async with provider() as there:
        # More than once: a question may be asked again on a new connection.
        assert isinstance((await fetched(there, *[said] * 5))[0], Retry)


async def test_an_address_may_lead_on() -> None:
    on = b"HTTP/1.1 302 So\r\nLocation: /lookaside?x=1\r\nContent-Length: 0\r\n\r\n"
    async with provider() as there:
        assert isinstance((await fetched(there, on, bytes_of(b"x")))[0], Fetched)


STRAYS = [
    "https://example.org/file",
    "http://lookaside.fbsbx.com/file",
    "https://fbsbx.com.example.org/file",
    "https://evilfbsbx.com/file",
    "http://127.0.0.1:1/file",
    "file:///etc/passwd",
    "/lookaside",
    "https://[",
]


@pytest.mark.parametrize("address", STRAYS)
async def test_the_token_goes_nowhere_else(address: str) -> None:
    async with provider() as there:
        assert (await fetched(there, at=address))[0] == STRAY
        assert len(there.asked) == 1


@pytest.mark.parametrize("address", STRAYS[:5])
async def test_nor_does_it_follow_there(address: str) -> None:
    on = f"HTTP/1.1 302 So\r\nLocation: {address}\r\nContent-Length: 0\r\n\r\n".encode()
    async with provider() as there:
        assert (await fetched(there, on))[0] == STRAY


async def test_a_file_that_is_too_large_is_not_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1000)
    async with provider() as there:
        outcome, got = await fetched(there, bytes_of(PIXELS))

        assert outcome == TOO_LARGE
        assert len(got) <= 1000


ASKED: dict[str, tuple[object, type]] = {
    "gone": (refusal(33), Refused),
    "no such file": (refusal(100), Refused),
    "token": (refusal(190, 401), Retry),
    "busy": (refusal(4), Retry),
    "page": (b"HTTP/1.1 502 So\r\nContent-Length: 0\r\n\r\n", Retry),
    "hung up": (close, Retry),
    "no address": (answer(200, {"id": "77"}), Retry),
    "unknown code": (refusal(987654, 400), Retry),
    "no code": (answer(400, {"error": {"message": "No."}}), Retry),
}


@pytest.mark.parametrize(("said", "kind"), ASKED.values(), ids=ASKED)
async def test_only_a_file_that_is_not_there_is_given_up(said: object, kind: type) -> None:
    async def into(part: bytes) -> None:
        raise AssertionError("There is nothing to give.")

    async with provider() as there, numbered(there.url, frozen()) as driver:
        there.say("77", said)  # type: ignore[arg-type]

        assert isinstance(await driver.fetch(VOICE, into), kind)


async def test_a_file_for_which_there_is_no_room_here_is_no_fault_of_the_provider_s() -> None:
    async def full(part: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with provider() as there, numbered(there.url, frozen()) as driver:
        address = f"{there.url}/lookaside"
        there.say("77", answer(200, {"url": address, "mime_type": "audio/aac", "id": "77"}))
        there.say("lookaside", bytes_of(PIXELS))

        with pytest.raises(NotKept):
            await driver.fetch(VOICE, full)


async def test_an_id_stays_one_part_of_its_address() -> None:
    async def into(part: bytes) -> None:
        raise AssertionError("There is nothing to give.")

    async with provider() as there, numbered(there.url, frozen()) as driver:
        await driver.fetch(replace(VOICE, provider_media_id="../9?x=1"), into)

        assert there.asked[0].path == "/v26.0/..%2F9%3Fx=1"
