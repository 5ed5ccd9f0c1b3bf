"""Files that people sent us are fetched by the worker that runs their device, and kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.support.messages import PLAIN, House, until
from tests.support.official import Number
from tests.support.people import opened
from tests.support.samples import JPEG, WEBP
from waypost.drivers.news import Inbound, InboundMedia
from waypost.drivers.outgoing import MediaKind
from waypost.drivers.port import Accepted, Fetched, Refused, Retry
from waypost.fleet.fetch import AT_ONCE, FULL_WAIT, Fetching
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database
from waypost.kit.ids import Ids
from waypost.media import find
from waypost.messages import fetches, inbound, inbox, show
from waypost.messages.store_inbound import Received

CLOCK = SystemClock()
ROOM = 1 << 30
SHOWN = InboundMedia("900", "image", "image/jpeg")
LONG = JPEG + bytes(700_000)

Outcome = Fetched | Refused | Retry | Exception


@dataclass
class Provider:
    """A driver's way to its provider, where each file has what is answered for it, in order."""

    answers: dict[str, list[Outcome]] = field(default_factory=dict)
    content: bytes = LONG
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def fetch(
        self, media: InboundMedia, into: Callable[[bytes], Awaitable[None]]
    ) -> Fetched | Refused | Retry:
        self.asked.append(media.provider_media_id)
        await self.gate.wait()
        told = self.answers.get(media.provider_media_id)
        answer = told.pop(0) if told else Fetched(media.mime, len(self.content))
        half = len(self.content) // 2
        await into(self.content[:half])
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Fetched):
            await into(self.content[half:])
        return answer


class Desk:
    """An account to which people send files, by an official number."""

    def __init__(self, db: Database, connection: asyncpg.Connection) -> None:
        self.db = db
        self.connection = connection
        self.house = House(db)
        self.ids = Ids(CLOCK)
        self.provider = Provider()
        self.looks = 0

    async def open(self) -> "Desk":
        self.house.account_id = (await opened(self.db, "owner")).id
        self.device_id = (await Number().make(self.db)).id
        await self.house.accept(PLAIN)
        (marked,) = await self.house.mark(device_id=self.device_id, may_repeat=False)
        await self.house.settle(marked, Accepted("wamid.OUT"))
        return self

    async def sent(self, *files: InboundMedia, days_ago: int = 0) -> None:
        """Somebody sends us these."""
        at = CLOCK.now() - timedelta(days=days_ago)
        told = [
            Inbound(
                self.device_id, file.provider_media_id, PLAIN, None, file.kind, None, at, {}, file
            )
            for file in files
        ]
        count = await self.db.transact(lambda tx: inbound.keep(tx, told, self.ids, at))
        assert count == len(files)

    async def received(self) -> list[Received]:
        """What came, oldest first."""
        async with self.db.read() as tx:
            found, _ = await inbox.newest(tx, self.house.account_id, None, 100)
        return list(reversed(found))

    async def statuses(self) -> list[str]:
        """Where the files stand, as their owner sees it."""
        return [show.received(each)["media_status"] for each in await self.received()]

    async def are_kept(self) -> bool:
        return all(each.media_id is not None for each in await self.received())

    async def one_is_kept(self) -> bool:
        return any(each.media_id is not None for each in await self.received())

    async def looked(self, times: int) -> bool:
        """Whether a worker has looked so often."""
        return self.looks >= times

    async def asked(self, times: int) -> bool:
        """Whether the provider was asked so often."""
        return len(self.provider.asked) >= times

    async def waiting(self) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self.connection.fetch(
            "select attempts, due_at - now() as wait from media_fetches"
        )
        return rows

    @asynccontextmanager
    async def fetching(
        self, drivers: Mapping[int, Any] | None = None, most: int = ROOM
    ) -> AsyncIterator[None]:
        """While the worker of our device, or of these, is at work."""
        up = {self.device_id: self.provider} if drivers is None else drivers

        def look() -> Mapping[int, Any]:
            self.looks += 1
            return up

        loop = Fetching(self.db, look, CLOCK, lambda: 0.5, most)
        running = asyncio.create_task(loop.run())
        try:
            yield
        finally:
            assert not running.done()
            running.cancel()


@pytest.fixture
async def desk(db: Database, connection: asyncpg.Connection) -> Desk:
    return await Desk(db, connection).open()


async def test_a_file_is_fetched_and_kept_for_who_was_written_to(desk: Desk) -> None:
    await desk.sent(replace(SHOWN, filename="cat.jpg"))

    async with desk.fetching():
        await until(desk.are_kept)

    (received,) = await desk.received()
    assert received.media_id is not None
    assert await desk.waiting() == []
    async with desk.db.read() as tx:
        ((file,), _) = await find.newest(tx, desk.house.account_id, None, 10)
    assert file.id == received.media_id
    assert (file.kind, file.mime, file.filename) == (MediaKind.IMAGE, "image/jpeg", "cat.jpg")
    chunks = find.chunks(desk.db, desk.house.account_id, file)
    assert b"".join([part async for part in chunks]) == LONG


async def test_what_cannot_be_shown_again_is_kept_as_a_document(desk: Desk) -> None:
    desk.provider.content = WEBP
    await desk.sent(InboundMedia("900", "sticker", "image/webp"))

    async with desk.fetching():
        await until(desk.are_kept)

    async with desk.db.read() as tx:
        ((file,), _) = await find.newest(tx, desk.house.account_id, None, 10)
    assert (file.kind, file.mime) == (MediaKind.DOCUMENT, "image/webp")


async def test_the_same_file_twice_is_kept_once(desk: Desk) -> None:
    await desk.sent(SHOWN, replace(SHOWN, provider_media_id="901"))

    async with desk.fetching():
        await until(desk.are_kept)

    first, second = await desk.received()
    assert first.media_id == second.media_id


async def test_what_cannot_be_had_at_once_is_asked_for_again(desk: Desk) -> None:
    soon = Retry("MEDIA_NOT_FETCHED", "Later.", timedelta(0))
    desk.provider.answers["900"] = [soon, soon]
    await desk.sent(SHOWN)

    async with desk.fetching():
        await until(desk.are_kept)

    assert desk.provider.asked == ["900"] * 3


@pytest.mark.parametrize("trouble", [Retry("X", "Later."), RuntimeError("a fault of ours")])
async def test_it_waits_longer_each_time(desk: Desk, trouble: Outcome) -> None:
    desk.provider.answers["900"] = [trouble]
    await desk.sent(SHOWN)
    await desk.connection.execute("update media_fetches set attempts = 3")

    async def tried() -> bool:
        return [row["attempts"] for row in await desk.waiting()] == [4]

    async with desk.fetching():
        await until(tried)

    ((_, wait),) = await desk.waiting()
    assert timedelta(seconds=60) < wait <= timedelta(seconds=72)
    assert not await desk.are_kept()


async def test_what_the_database_does_not_take_ends_one_fetch_and_not_the_worker(
    desk: Desk,
) -> None:
    never = "attempts_stay_none"
    await desk.connection.execute(
        f"alter table media_fetches add constraint {never} check (attempts = 0)"
    )
    desk.provider.answers["900"] = [Retry("X", "Later.")] * 100
    await desk.sent(SHOWN)

    async def put_off() -> bool:
        return [row["attempts"] for row in await desk.waiting()] == [1]

    with capture_logs() as logs:
        async with desk.fetching():
            await until(lambda: desk.asked(2))
            await desk.sent(replace(SHOWN, provider_media_id="901"))
            await until(desk.one_is_kept)
            await desk.connection.execute(f"alter table media_fetches drop constraint {never}")
            await until(put_off)

    assert {each["event"] for each in logs if each["log_level"] == "error"} == {"fetching.failed"}


async def test_what_can_never_be_had_is_lost_with_the_reason(desk: Desk) -> None:
    desk.provider.answers["900"] = [Refused("131052", "It is too large.")]
    await desk.sent(SHOWN)

    async def lost() -> bool:
        return [each.media_trouble for each in await desk.received()] == ["It is too large."]

    async with desk.fetching():
        await until(lost)

    assert await desk.waiting() == []


async def test_what_another_worker_has_kept_is_not_lost(desk: Desk) -> None:
    await desk.sent(SHOWN)
    async with desk.db.read() as tx:
        (wanted,) = await fetches.due(tx, [desk.device_id], CLOCK.now(), (), 1)
    async with desk.fetching():
        await until(desk.are_kept)

    await desk.db.transact(lambda tx: fetches.lost(tx, wanted, "It was not there."))

    assert await desk.are_kept()
    assert [each.media_trouble for each in await desk.received()] == [None]


async def test_for_what_there_is_no_room_is_tried_again_after_an_hour_and_its_owner_told(
    desk: Desk,
) -> None:
    await desk.sent(SHOWN)

    async def told() -> bool:
        return "come to more" in ((await desk.received())[0].media_trouble or "")

    async with desk.fetching(most=len(LONG) - 1):
        await until(told)

    ((attempts, wait),) = await desk.waiting()
    assert attempts == 1
    assert timedelta(minutes=59) < wait <= FULL_WAIT
    assert await desk.statuses() == ["fetching"]
    assert await desk.connection.fetchval("select count(*) from media") == 0
    await desk.connection.execute("update media_fetches set due_at = now()")
    async with desk.fetching():
        await until(desk.are_kept)
    assert [each.media_trouble for each in await desk.received()] == [None]
    assert await desk.statuses() == ["kept"]


async def test_files_of_other_workers_devices_are_left_to_them(desk: Desk) -> None:
    other = (await Number("2").make(desk.db, "other")).id
    await desk.sent(SHOWN)

    async with desk.fetching({other: desk.provider, desk.device_id: "one that cannot fetch"}):
        await until(lambda: desk.looked(2))

    assert desk.provider.asked == []
    assert len(await desk.waiting()) == 1


async def test_a_few_are_fetched_at_once_and_each_only_once(desk: Desk) -> None:
    desk.provider.gate.clear()
    count = AT_ONCE + 2
    await desk.sent(*(replace(SHOWN, provider_media_id=str(n)) for n in range(count)))

    async with desk.fetching():
        await until(lambda: desk.looked(3))
        assert len(desk.provider.asked) == AT_ONCE
        desk.provider.gate.set()
        await until(desk.are_kept)

    assert sorted(desk.provider.asked) == [str(n) for n in range(count)]


async def test_a_file_whose_fetch_was_cut_off_is_fetched_by_the_next_worker(desk: Desk) -> None:
    desk.provider.gate.clear()
    await desk.sent(SHOWN)
    async with desk.fetching():
        await until(lambda: desk.asked(1))
    desk.provider.gate.set()

    async with desk.fetching():
        await until(desk.are_kept)

    assert desk.provider.asked == ["900"] * 2


async def test_after_seven_days_nothing_is_fetched_any_more(desk: Desk) -> None:
    await desk.sent(SHOWN, days_ago=8)
    await desk.sent(replace(SHOWN, provider_media_id="901"), days_ago=6)
    await desk.connection.execute("update media_fetches set trouble = 'The server was away.'")

    assert not await desk.db.transact(lambda tx: fetches.give_up(tx, CLOCK.now()))

    old, young = await desk.received()
    assert old.media_trouble == f"{fetches.TOO_LATE} The server was away."
    assert young.media_trouble == "The server was away."
    assert await desk.statuses() == ["lost", "fetching"]
    assert len(await desk.waiting()) == 1
