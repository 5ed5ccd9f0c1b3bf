"""What people write to us: kept once, for the account that wrote to them."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import PLAIN, House
from tests.support.official import Number
from waypost.drivers.news import Inbound, InboundMedia
from waypost.drivers.port import Accepted, Refused
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.kit.ids import Ids
from waypost.messages import inbound, inbox, show
from waypost.messages.inbound import PRUNED_AT_ONCE
from waypost.messages.store_inbound import Received

FILE = InboundMedia("900", "image", "image/jpeg", "aGFzaA==")


class Mailbox:
    """A house with two official numbers, to which people write."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.house = House(db)
        self.ids = Ids(self.house.clock)

    async def open(self) -> "Mailbox":
        await self.house.open()
        self.first = (await Number("1", "100").make(self.db, "first")).id
        self.second = (await Number("2", "100").make(self.db, "second")).id
        return self

    def letter(self, provider_id: str = "wamid.IN", **more: Any) -> Inbound:
        given: dict[str, Any] = {
            "device_id": self.first,
            "sender": PLAIN,
            "sender_id": None,
            "kind": "text",
            "text": "Hi",
            "at": self.house.clock.now(),
            "content": {"message": {"id": provider_id}, "contact": None},
        }
        return Inbound(provider_id=provider_id, **(given | more))

    async def keep(self, *letters: Inbound, at: datetime | None = None) -> int:
        now = at or self.house.clock.now()
        return await self.db.transact(lambda tx: inbound.keep(tx, letters, self.ids, now))

    async def of(self, account_id: int) -> list[Received]:
        """All that was written to the account, oldest first."""
        async with self.db.read() as tx:
            found, _ = await inbox.newest(tx, account_id, None, 100)
        return list(reversed(found))

    async def owner(self, connection: asyncpg.Connection, **more: Any) -> int | None:
        """Whose such a letter is."""
        assert await self.keep(self.letter(**more)) == 1
        owner: int | None = await connection.fetchval(
            "select account_id from inbound order by id desc limit 1"
        )
        return owner

    async def writes(self, to: str = PLAIN, house: House | None = None, device: int = 0) -> None:
        """An account writes to somebody, from this device."""
        house = house or self.house
        await house.accept(to)
        (marked,) = await house.mark(device_id=device or self.first)
        assert marked.claimed.text.account_id == house.account_id
        await house.settle(marked, Accepted(f"wamid.{marked.claimed.text.id}"))


@pytest.fixture
async def box(db: Database, connection: asyncpg.Connection) -> Mailbox:
    for name in ("first", "second", "third"):
        await connection.execute(
            """
            insert into accounts (username, password_hash, pool_id, created_at)
            select $1, 'x', id, now() from pools where is_default
            """,
            name,
        )
    return await Mailbox(db).open()


@pytest.fixture
async def other(db: Database) -> House:
    """Another account of the same pool."""
    return await House(db, account_id=2).open()


async def fetches(connection: asyncpg.Connection) -> list[tuple[str, int]]:
    rows = await connection.fetch(
        "select i.provider_id, f.device_id from media_fetches f join inbound i on i.id = inbound_id"
    )
    return [tuple(row) for row in rows]


async def test_it_is_for_the_account_that_wrote_to_them(
    box: Mailbox, connection: asyncpg.Connection
) -> None:
    await box.writes()

    assert await box.owner(connection) == 1
    assert await box.owner(connection, provider_id="b", sender="27829999999") is None


async def test_of_several_it_is_for_the_one_that_wrote_last(
    box: Mailbox, other: House, connection: asyncpg.Connection
) -> None:
    await box.writes()
    await box.writes(house=other)

    assert await box.owner(connection) == 2


async def test_before_all_it_is_for_who_wrote_last_from_the_number_that_is_answered(
    box: Mailbox, other: House, connection: asyncpg.Connection
) -> None:
    await box.writes()
    await box.writes(house=other, device=box.second)

    assert await box.owner(connection) == 1
    assert await box.owner(connection, provider_id="b", device_id=box.second) == 2


async def test_what_never_left_is_not_answered(
    box: Mailbox, other: House, connection: asyncpg.Connection
) -> None:
    await box.writes()
    await other.accept(PLAIN)
    (marked,) = await other.mark(device_id=box.first)
    await other.settle(marked, Refused("131026", "It cannot be reached."))

    assert await box.owner(connection) == 1


async def test_an_account_that_sends_elsewhere_by_now_has_the_answers_to_what_it_wrote(
    box: Mailbox, other: House, connection: asyncpg.Connection
) -> None:
    await box.writes(house=other)
    await box.writes()
    await connection.execute(
        """
        with spare as (insert into pools (name, created_at) values ('spare', now()) returning id)
        update accounts set pool_id = spare.id from spare where accounts.id = 1
        """
    )

    assert await box.owner(connection) == 1
    assert await box.owner(connection, provider_id="b", device_id=box.second) == 2


async def test_what_is_for_a_deleted_account_is_for_who_wrote_before_it(
    box: Mailbox, other: House, connection: asyncpg.Connection
) -> None:
    await box.writes(house=other)
    await box.writes()
    await connection.execute("update accounts set deleted_at = now() where id = 1")

    assert await box.owner(connection) == 2
    await connection.execute("update accounts set deleted_at = now() where id = 2")
    assert await box.owner(connection, provider_id="b") is None


async def test_who_wrote_to_whom_is_kept_once_and_is_never_older(
    box: Mailbox, connection: asyncpg.Connection
) -> None:
    await box.writes()
    await box.writes()
    last = await connection.fetchval("select max(sent_at) from messages")
    box.house.clock = FrozenClock(last - timedelta(hours=1))
    await box.writes()

    (row,) = await connection.fetch("select * from chats")
    assert (row["recipient"], row["device_id"], row["account_id"]) == (PLAIN, box.first, 1)
    assert row["wrote_at"] >= last


@pytest.mark.parametrize(("days", "left"), [(0, [89, 31, 29]), (365, [89, 31, 29]), (30, [29])])
async def test_who_wrote_to_whom_is_forgotten_when_it_is_not_looked_for(
    box: Mailbox, connection: asyncpg.Connection, days: int, left: list[int]
) -> None:
    now = box.house.clock.now()
    for age in (91, 89, 31, 29):
        at = now - timedelta(days=age)
        await connection.execute("insert into chats values ($1, 1, $2, $3)", PLAIN, age, at)

    assert not await box.db.transact(lambda tx: inbound.forget_chats(tx, now, days))

    rows = await connection.fetch("select account_id from chats order by wrote_at")
    assert [row["account_id"] for row in rows] == left


async def test_an_answer_is_for_whose_message_it_answers(
    box: Mailbox, other: House, connection: asyncpg.Connection
) -> None:
    await box.writes()
    await box.writes(house=other)
    await connection.execute(
        """
        insert into provider_ids
        select 'wamid.OUT', $1, account_id, id, 1, now() from messages where account_id = 1
        """,
        box.first,
    )

    assert await box.owner(connection, reply_to="wamid.OUT", sender=None) == 1
    assert await box.owner(connection, provider_id="b", reply_to="wamid.NOBODYS") == 2
    (letter,) = await box.of(1)
    message_id = await connection.fetchval("select id from messages where account_id = 1")
    assert letter.answers == message_id
    await connection.execute("delete from provider_ids")
    assert await box.of(1) == [letter], "the provider's ids are not kept as long"


async def test_who_wrote_long_ago_is_not_looked_for(
    box: Mailbox, connection: asyncpg.Connection
) -> None:
    await box.writes()

    await box.keep(box.letter(), at=box.house.clock.now() + inbound.LOOKS_BACK + timedelta(hours=1))

    assert await connection.fetchval("select account_id from inbound") is None


@pytest.mark.parametrize(
    ("dialled", "known"),
    [
        ("5511987654321", "551187654321"),
        ("551187654321", "5511987654321"),
        ("525512345678", "5215512345678"),
        ("5215512345678", "525512345678"),
        ("541123456789", "5491123456789"),
        ("5491123456789", "541123456789"),
    ],
)
async def test_a_number_that_whatsapp_spells_otherwise_is_known(
    box: Mailbox, connection: asyncpg.Connection, dialled: str, known: str
) -> None:
    assert dialled in inbound.spellings(known)
    await box.writes(dialled)

    assert await box.owner(connection, sender=known) == 1


async def test_what_is_told_twice_is_kept_once(
    box: Mailbox, connection: asyncpg.Connection
) -> None:
    await box.writes()
    letter, file = box.letter("a"), box.letter("b", kind="image", media=FILE)

    assert await box.keep(letter, file, letter) == 2
    assert await box.keep(file, letter) == 0
    assert await box.keep(box.letter("a", device_id=box.second)) == 1, "another number's"

    assert len(await box.of(1)) == 3
    assert await fetches(connection) == [("b", box.first)]


async def test_a_file_of_nobodys_is_not_fetched(
    box: Mailbox, connection: asyncpg.Connection
) -> None:
    await box.keep(box.letter(kind="image", media=FILE))

    assert await fetches(connection) == []
    media = await connection.fetchval("select media from inbound")
    assert json.loads(media)["provider_media_id"] == "900"


async def test_a_letter_comes_back_as_it_was_told(box: Mailbox) -> None:
    await box.writes()
    told = box.letter(sender_id="US.1", kind="image", text=None, media=FILE, reply_to="wamid.X")
    await box.keep(told)

    (kept,) = await box.of(1)

    assert (kept.device_id, kept.sender, kept.sender_id) == (box.first, PLAIN, "US.1")
    assert (kept.kind, kept.text, kept.at, kept.content) == ("image", None, told.at, told.content)
    assert (kept.has_file, kept.media_id, kept.media_trouble, kept.answers) == (
        True,
        None,
        None,
        None,
    )


async def test_a_file_that_was_deleted_after_it_came_is_gone(
    box: Mailbox, connection: asyncpg.Connection
) -> None:
    await box.writes()
    await box.keep(box.letter(kind="image", text=None, media=FILE))
    await connection.execute("update inbound set media_id = $1", UUID(int=7))
    await connection.execute(
        """
        insert into media select account_id, $1, 'image', 'x', 'x', 1, '', now(), now()
          from generate_series(1, 2) as account_id
        """,
        UUID(int=7),
    )

    (kept,) = await box.of(1)
    await connection.execute("delete from media where account_id = 1")
    (gone,) = await box.of(1)

    assert (kept.media_id, show.received(kept)["media_status"]) == (UUID(int=7), "kept")
    assert (gone.media_id, show.received(gone)["media_status"]) == (None, "gone")


async def test_pages_go_from_the_newest_on_and_show_nobody_elses(
    box: Mailbox, other: House, db: Database
) -> None:
    await box.writes()
    await box.keep(*(box.letter(f"{5 - n}: m{n}") for n in range(5)))
    await box.writes("27829999999", house=other)
    await box.keep(box.letter("theirs", sender="27829999999"))

    pages, cursor = [], None
    async with db.read() as tx:
        while True:
            page, cursor = await inbox.newest(tx, 1, cursor, 2)
            pages.append([letter.content["message"]["id"] for letter in page])  # type: ignore[index]
            if cursor is None:
                break

    assert pages == [["1: m4", "2: m3"], ["3: m2", "4: m1"], ["5: m0"]]


@pytest.mark.parametrize(
    ("days", "left"),
    [
        (0, ["400", "31", "29", "9", "7"]),
        (365, ["31", "29", "9", "7"]),
        (30, ["29", "9", "7"]),
        (1, ["7"]),
    ],
)
async def test_what_people_wrote_is_kept_for_the_days_that_are_set(
    box: Mailbox, connection: asyncpg.Connection, days: int, left: list[str]
) -> None:
    now = box.house.clock.now()
    for age in (400, 31, 29, 9, 7):
        at = now - timedelta(days=age)
        box.ids = Ids(FrozenClock(at))
        await box.keep(box.letter(str(age), media=FILE, at=at), at=at)

    is_more = await box.db.transact(lambda tx: inbound.prune(tx, now, days))

    rows = await connection.fetch("select provider_id from inbound order by id")
    assert [row["provider_id"] for row in rows] == left
    assert not is_more


async def test_of_many_a_part_goes_at_once(box: Mailbox, connection: asyncpg.Connection) -> None:
    box.ids = Ids(FrozenClock(box.house.clock.now() - timedelta(days=40)))
    await box.keep(*(box.letter(str(n)) for n in range(PRUNED_AT_ONCE + 1)))

    async def prune() -> bool:
        return await box.db.transact(lambda tx: inbound.prune(tx, box.house.clock.now(), 30))

    assert [await prune(), await prune()] == [True, False]
    assert await connection.fetchval("select count(*) from inbound") == 0
