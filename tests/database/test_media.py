"""Files that accounts keep: once for each content, for their owner alone, until they are unused."""

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.official import Number
from tests.support.samples import JPEG, PDF, PNG
from waypost.devices import manage as devices
from waypost.devices.model import DeviceChange
from waypost.drivers.outgoing import Media, MediaKind, Ref
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.kit.files import show_id
from waypost.kit.ids import Ids
from waypost.media import find, manage
from waypost.media.errors import NoRoom, NoSuchFile
from waypost.media.find import Key
from waypost.media.keep import PIECE, examine, keep
from waypost.media.model import KEPT, File, Sendable
from waypost.media.shelf import GOOD, YOUNG, DeviceShelf

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
CLOCK = FrozenClock(NOW)
IDS = Ids(CLOCK)
MINE, OTHER = 1, 2
ROOM = 1 << 30
DAY = timedelta(days=1)
LONG = PDF + bytes(range(256)) * (5 * PIECE // 512)
"""Some pieces, the last one not full."""


async def kept(
    db: Database,
    content: bytes = PDF,
    account_id: int = MINE,
    *,
    filename: str = "a.pdf",
    wanted: MediaKind | None = None,
    at: datetime = NOW,
    most: int = ROOM,
) -> File:
    loose = await examine(BytesIO(content), None, filename, wanted)
    return await db.transact(lambda tx: keep(tx, account_id, loose, IDS, at, most))


async def read(db: Database, file: File, account_id: int = MINE) -> bytes:
    return b"".join([part async for part in find.chunks(db, account_id, file)])


async def wanted(db: Database, keys: Mapping[Key, datetime]) -> Mapping[Key, Sendable]:
    return await db.transact(lambda tx: find.sendable(tx, keys, NOW))


async def count(connection: asyncpg.Connection) -> tuple[int, int]:
    """How many files and pieces there are."""
    row = await connection.fetchrow(
        "select (select count(*) from media), (select count(*) from media_pieces)"
    )
    assert row is not None
    return row[0], row[1]


async def test_a_file_is_kept_as_it_came(db: Database) -> None:
    file = await kept(db, LONG, filename="Bill é.pdf")

    assert file == File(
        file.id,
        MediaKind.DOCUMENT,
        "application/pdf",
        "Bill é.pdf",
        len(LONG),
        hashlib.sha256(LONG).digest(),
        NOW,
        NOW + KEPT,
    )
    assert await read(db, file) == LONG


async def test_what_has_no_name_is_called_by_what_it_is(db: Database) -> None:
    assert (await kept(db, JPEG, filename="")).filename == "image.jpg"


async def test_the_same_content_is_kept_once_and_longer(
    db: Database, connection: asyncpg.Connection
) -> None:
    first = await kept(db, LONG)
    pieces = await count(connection)
    again = await kept(db, LONG, at=NOW + DAY)
    earlier = await kept(db, LONG, at=NOW - DAY)

    assert again.id == earlier.id == first.id
    assert again.keep_until == earlier.keep_until == NOW + DAY + KEPT
    assert again.created_at == NOW
    assert await count(connection) == pieces


async def test_many_who_keep_the_same_at_once_get_one_file(
    db: Database, connection: asyncpg.Connection
) -> None:
    files = await asyncio.gather(*(kept(db, LONG) for _ in range(5)))

    assert len({file.id for file in files}) == 1
    assert await read(db, files[0]) == LONG
    assert (await count(connection))[0] == 1


async def test_another_account_name_or_kind_is_another_file(db: Database) -> None:
    files = [
        await kept(db, PNG),
        await kept(db, PNG, OTHER),
        await kept(db, PNG, filename="b.png"),
        await kept(db, PNG, wanted=MediaKind.DOCUMENT),
    ]

    assert len({file.id for file in files}) == 4


async def test_an_account_keeps_no_more_than_it_may(
    db: Database, connection: asyncpg.Connection
) -> None:
    first = await kept(db, LONG)
    before = await count(connection)

    with pytest.raises(NoRoom):
        await kept(db, PDF, most=len(LONG) + len(PDF) - 1)
    assert await count(connection) == before

    assert (await kept(db, LONG, most=0)).id == first.id, "what is there already takes no room"
    await kept(db, PDF, OTHER, most=len(PDF))
    await kept(db, PDF, most=len(LONG) + len(PDF))


async def test_who_keep_files_at_once_get_no_more_room_than_there_is(
    db: Database, connection: asyncpg.Connection
) -> None:
    room = 2 * (len(LONG) + 1)
    files = [LONG + bytes([n]) for n in range(6)]

    came = await asyncio.gather(
        *(kept(db, each, most=room) for each in files), return_exceptions=True
    )

    assert sum(isinstance(each, File) for each in came) == 2
    assert sum(isinstance(each, NoRoom) for each in came) == 4
    assert await connection.fetchval("select sum(size) from media") == room


async def test_the_last_look_for_room_waits_for_who_may_take_it(
    db: Database, connection: asyncpg.Connection
) -> None:
    room = len(LONG) + 1
    async with db.tx() as tx:
        loose = await examine(BytesIO(LONG), None, "a.pdf", None)
        await keep(tx, MINE, loose, IDS, NOW, room)
        other = asyncio.create_task(kept(db, LONG + b" ", most=room))
        stranger = await kept(db, LONG + b" ", OTHER, most=room)
        await until(lambda: connection.fetchval("select 1 from pg_locks where not granted"))

    with pytest.raises(NoRoom):
        await other
    assert await read(db, stranger, OTHER) == LONG + b" "


async def test_a_file_is_found_by_its_owner_alone(db: Database) -> None:
    file = await kept(db)

    async with db.read() as tx:
        assert await find.one(tx, MINE, show_id(file.id)) == file
        for account_id, media_id in [(OTHER, show_id(file.id)), (MINE, "med_1"), (MINE, "")]:
            with pytest.raises(NoSuchFile):
                await find.one(tx, account_id, media_id)


async def test_a_file_is_deleted_by_its_owner_alone_and_with_all_its_pieces(
    db: Database, connection: asyncpg.Connection
) -> None:
    media_id = show_id((await kept(db, LONG)).id)

    with pytest.raises(NoSuchFile):
        await db.transact(lambda tx: manage.delete(tx, OTHER, media_id))
    await db.transact(lambda tx: manage.delete(tx, MINE, media_id))

    assert await count(connection) == (0, 0)
    with pytest.raises(NoSuchFile):
        await db.transact(lambda tx: manage.delete(tx, MINE, media_id))


async def test_who_reads_a_file_that_is_deleted_meanwhile_is_told(db: Database) -> None:
    file = await kept(db, LONG)
    chunks = find.chunks(db, MINE, file)
    assert await anext(chunks) == LONG[:PIECE]

    await db.transact(lambda tx: manage.delete(tx, MINE, show_id(file.id)))

    with pytest.raises(NoSuchFile):
        await anext(chunks)


async def test_pages_go_on_from_their_cursor_newest_first(db: Database) -> None:
    made = [show_id((await kept(db, PDF + bytes([n]))).id) for n in range(5)]
    await kept(db, PDF, OTHER)

    seen, cursor = [], None
    for _ in range(3):
        async with db.read() as tx:
            page, cursor = await find.newest(tx, MINE, cursor, 2)
        seen.append([show_id(file.id) for file in page])

    assert seen == [made[:2:-1], made[2:0:-1], made[:1]]
    assert cursor is None


async def test_a_send_finds_what_is_its_accounts_own(db: Database) -> None:
    file, strange = await kept(db, PNG), await kept(db, PNG, OTHER)
    asked = [(MINE, file.id), (MINE, strange.id), (MINE, UUID(int=7))]

    found = await wanted(db, dict.fromkeys(asked, NOW))

    assert found == {(MINE, file.id): Sendable(MediaKind.IMAGE, "a.pdf")}


@pytest.mark.parametrize(
    ("age", "over", "until"),
    [
        pytest.param(0, 1, KEPT, id="of a young one nothing is written"),
        pytest.param(44, 1, KEPT - 44 * DAY, id="nor of one that is kept for long"),
        pytest.param(46, 1, KEPT, id="an old one is young again"),
        pytest.param(0, 300, 300 * DAY, id="it is kept until its last send is over"),
    ],
)
async def test_what_a_send_names_is_kept_longer(
    db: Database, connection: asyncpg.Connection, age: int, over: int, until: timedelta
) -> None:
    file = await kept(db, at=NOW - age * DAY)

    assert await wanted(db, {(MINE, file.id): NOW + over * DAY})

    assert await connection.fetchval("select keep_until from media") == NOW + until


async def test_a_send_does_not_wait_for_what_is_being_dropped(db: Database) -> None:
    file = await kept(db, at=NOW - KEPT - DAY)

    async with db.tx() as dropping:
        await manage.prune(dropping, NOW)
        found = await asyncio.wait_for(wanted(db, {(MINE, file.id): NOW}), 10)

    assert found == {}


async def test_of_what_goes_while_it_is_named_the_send_is_told(
    db: Database, connection: asyncpg.Connection
) -> None:
    file = await kept(db, at=NOW - KEPT)
    going = connection.transaction()
    await going.start()
    await connection.execute("delete from media")

    asked = asyncio.create_task(wanted(db, {(MINE, file.id): NOW}))
    await until(lambda: connection.fetchval("select 1 from pg_locks where not granted"))
    await going.commit()

    assert await asked == {}


async def test_what_nobody_used_is_forgotten(db: Database, connection: asyncpg.Connection) -> None:
    await kept(db, PDF, at=NOW - KEPT - DAY)
    used = await kept(db, LONG, at=NOW - KEPT)
    await kept(db, PNG, at=NOW - KEPT + DAY)
    await wanted(db, {(MINE, used.id): NOW})

    assert not await db.transact(lambda tx: manage.prune(tx, NOW))

    left = await connection.fetch("select mime from media order by mime")
    assert [row["mime"] for row in left] == ["application/pdf", "image/png"]
    assert await read(db, used) == LONG


async def test_so_many_are_forgotten_at_once_that_it_says_there_are_more(
    db: Database, connection: asyncpg.Connection
) -> None:
    await connection.execute(
        """
        insert into media select 1, gen_random_uuid(), 'image', 'x', n::text, 1, '', $1, $1
          from generate_series(1, 15) as n
        """,
        NOW - DAY,
    )

    assert await db.transact(lambda tx: manage.prune(tx, NOW))
    assert not await db.transact(lambda tx: manage.prune(tx, NOW))
    assert await count(connection) == (0, 0)


def shown(file: File, filename: str | None = None) -> Media:
    return Media(file.kind, media_id=file.id, filename=filename)


REF = Ref(MINE, UUID(int=1), 1)


async def test_a_device_takes_a_file_from_its_shelf(db: Database) -> None:
    shelf = DeviceShelf(db, CLOCK, (await Number().make(db)).id)
    file = await kept(db, LONG)

    found = await shelf.open(REF, shown(file))

    assert found is not None
    assert (found.mime, found.filename, found.size) == ("application/pdf", "a.pdf", len(LONG))
    assert b"".join([part async for part in found.chunks]) == LONG
    named = await shelf.open(REF, shown(file, "Bill.pdf"))
    assert named is not None
    assert named.filename == "Bill.pdf"


async def test_the_shelf_has_only_what_the_messages_account_keeps(db: Database) -> None:
    shelf = DeviceShelf(db, CLOCK, (await Number().make(db)).id)
    strange = shown(await kept(db, account_id=OTHER))
    await shelf.note(REF, strange, "901")

    assert await shelf.open(REF, strange) is None
    assert await shelf.provider_id(REF, strange) is None
    assert await shelf.open(REF, Media(MediaKind.IMAGE, link="https://x.example")) is None


async def test_what_a_device_gave_is_known_while_the_provider_has_it(db: Database) -> None:
    clock = FrozenClock(NOW)
    number, second = await Number("1").make(db, "one"), await Number("2").make(db, "two")
    shelf = DeviceShelf(db, clock, number.id)
    media = shown(await kept(db))
    assert await shelf.provider_id(REF, media) is None

    await shelf.note(REF, media, "901")

    assert await shelf.provider_id(REF, media) == "901"
    assert await DeviceShelf(db, clock, second.id).provider_id(REF, media) is None
    clock.advance(GOOD)
    assert await shelf.provider_id(REF, media) is None
    await shelf.note(REF, media, "902")
    assert await shelf.provider_id(REF, media) == "902"


async def test_an_id_that_the_provider_takes_no_more_is_forgotten(db: Database) -> None:
    clock = FrozenClock(NOW)
    shelf = DeviceShelf(db, clock, (await Number().make(db)).id)
    media = shown(await kept(db))
    await shelf.note(REF, media, "901")

    clock.advance(YOUNG)
    assert await shelf.forget(REF, media, "900"), "a newer one may help"
    assert await shelf.provider_id(REF, media) == "901"
    assert await shelf.forget(REF, media, "901")
    assert await shelf.provider_id(REF, media) is None


async def test_an_id_of_just_now_is_not_forgotten(db: Database) -> None:
    clock = FrozenClock(NOW)
    shelf = DeviceShelf(db, clock, (await Number().make(db)).id)
    media = shown(await kept(db))
    await shelf.note(REF, media, "901")

    clock.advance(YOUNG - timedelta(seconds=1))

    assert not await shelf.forget(REF, media, "901")
    assert await shelf.provider_id(REF, media) == "901"


async def test_a_device_with_another_number_has_given_nothing(db: Database) -> None:
    device = await Number("1").make(db)
    shelf = DeviceShelf(db, CLOCK, device.id)
    media = shown(await kept(db))
    await shelf.note(REF, media, "901")

    change = DeviceChange(config=Number("2").config, brings_token=True)
    await db.transact(lambda tx: devices.change(tx, device.id, change))

    assert await shelf.provider_id(REF, media) is None


@pytest.mark.parametrize("goes", ["the file", "the device"])
async def test_of_what_is_gone_nothing_is_noted(db: Database, goes: str) -> None:
    device = await Number().make(db)
    shelf, file = DeviceShelf(db, CLOCK, device.id), await kept(db)
    if goes == "the file":
        await db.transact(lambda tx: manage.delete(tx, MINE, show_id(file.id)))
    else:
        await db.transact(lambda tx: devices.delete(tx, device.id))

    await shelf.note(REF, shown(file), "901")

    assert await shelf.provider_id(REF, shown(file)) is None
