"""Old months are dropped whole, and nothing that was accepted is lost for it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import DAY, PLAIN, House, facts_are_whole, told
from waypost.app.first_start import furnish
from waypost.drivers.port import Accepted
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database, Tx
from waypost.kit.errors import NotFound
from waypost.kit.page import PageAsk
from waypost.messages import find, partitions, retention, store_retention
from waypost.messages.model import Status, show_id
from waypost.messages.store_read import Filter

NOW = datetime(2031, 6, 15, 12, tzinfo=UTC)
MARCH, APRIL, JUNE = (datetime(2031, month, 5, tzinfo=UTC) for month in (3, 4, 6))
DAYS = 30
YEAR = timedelta(days=365)
FINISHED = [s for s in Status if s not in ("Scheduled", "Queued", "Sending", "Uncertain")]

SET = "update messages set status = $2, expires_at = $3 where id = any($1::uuid[])"
ROWS = "select id, to_jsonb(m) - 'number' as row from messages m where id = any($1::uuid[])"


class Past:
    """An account whose messages were accepted at other times."""

    def __init__(self, db: Database, account_id: int = 1) -> None:
        self._db = db
        self.account_id = account_id

    def house(self, at: datetime) -> House:
        return House(self._db, self.account_id, clock=FrozenClock(at))

    async def open(self) -> "Past":
        await self.house(MARCH).open()
        return self

    async def accept(self, at: datetime, *numbers: str, **how: Any) -> list[UUID]:
        """Messages as they were accepted at that time, each a millisecond after the other."""
        await self._db.transact(lambda tx: partitions.ensure(tx, at))
        house, ids = self.house(at), []
        for number in numbers:
            ids += await house.accept(number, **how)
            house.clock.advance(timedelta(milliseconds=1))
        return ids

    async def set(self, ids: Sequence[UUID], status: Status, expires_at: datetime) -> None:
        async with self._db.tx() as tx:
            await tx.execute(SET, ids, status, expires_at)

    async def accept_read(self, at: datetime, count: int) -> list[UUID]:
        """Messages to which nothing will happen any more."""
        ids = await self.accept(at, *[PLAIN] * count)
        await self.set(ids, Status.READ, at + DAY)
        async with self._db.tx() as tx:
            await tx.execute("delete from pgqueuer")
            await tx.execute("delete from parked_jobs")
        return ids

    async def drop(self, now: datetime = NOW, days: int = DAYS) -> int:
        return await retention.drop(self._db, now, days)

    async def is_there(self, id: UUID) -> bool:
        try:
            async with self._db.read() as tx:
                _, facts = await find.events(tx, self.account_id, show_id(id))
        except NotFound:
            return False
        assert facts
        return True

    async def shows(self, ids: Sequence[UUID]) -> None:
        """Pages by number and by cursor show exactly these, oldest given first; totals agree."""
        wanted = list(reversed(ids))
        async with self._db.read() as tx:
            assert await self._by_number(tx) == wanted
            assert await self._by_cursor(tx) == wanted
        for id in ids:
            assert await self.is_there(id)

    async def _by_number(self, tx: Tx) -> list[UUID]:
        shown: list[UUID] = []
        page = 1
        while True:
            found = await self._page(tx, PageAsk(page=page, per_page=3))
            assert len(found.messages) == max(0, min(3, found.total - len(shown)))
            if not found.messages:
                assert len(shown) == found.total
                return shown
            shown += [message.id for message in found.messages]
            page += 1

    async def _by_cursor(self, tx: Tx) -> list[UUID]:
        found = await self._page(tx, PageAsk(per_page=2))
        shown = [message.id for message in found.messages]
        while found.next is not None:
            found = await self._page(tx, PageAsk(per_page=2, cursor=found.next))
            shown += [message.id for message in found.messages]
        assert len(shown) == found.total
        return shown

    async def _page(self, tx: Tx, ask: PageAsk) -> find.History:
        return await find.history(tx, self.account_id, Filter(), ask)

    async def balance(self) -> int:
        return await self.house(NOW).balance()


async def test_what_is_older_than_the_days_goes_by_whole_months_with_its_facts(
    db: Database, connection: asyncpg.Connection
) -> None:
    past = await Past(db).open()
    old = await past.accept_read(MARCH, 4) + await past.accept_read(APRIL, 3)
    new = await past.accept_read(JUNE, 5)
    balance = await past.balance()

    assert await past.drop() == 7

    await past.shows(new)
    assert [await past.is_there(id) for id in old] == [False] * 7
    assert await connection.fetchval("select count(distinct message_id) from message_events") == 5
    assert await past.balance() == balance
    charges = await connection.fetchval("select count(*) from ledger where kind = 'charge'")
    assert charges == 12
    assert await past.drop() == 0


async def test_a_month_goes_when_its_last_moment_is_older_than_the_days(db: Database) -> None:
    past = await Past(db).open()
    [id] = await past.accept_read(MARCH, 1)
    ends = datetime(2031, 4, 1, tzinfo=UTC) + timedelta(days=DAYS)

    assert await past.drop(ends - timedelta(milliseconds=1)) == 0
    assert await past.is_there(id)
    assert await past.drop(ends) == 1
    assert not await past.is_there(id)


async def test_without_days_everything_is_kept(db: Database) -> None:
    past = await Past(db).open()
    ids = await past.accept_read(MARCH, 2)

    assert await past.drop(NOW + 100 * YEAR, days=0) == 0
    await past.shows(ids)


@pytest.mark.parametrize("status", ["Scheduled", "Queued", "Sending", "Uncertain"])
async def test_what_is_unfinished_stays_with_its_facts_until_it_is_finished(
    db: Database, connection: asyncpg.Connection, status: Status
) -> None:
    past = await Past(db).open()
    march = await past.accept_read(MARCH, 5)
    april = await past.accept_read(APRIL, 4)
    june = await past.accept_read(JUNE, 2)
    stays = [march[1], march[3], april[2]]
    await past.set(stays, status, NOW + DAY)
    before = await connection.fetch(ROWS, stays)

    assert await past.drop() == 6

    assert await connection.fetch(ROWS, stays) == before
    await past.shows(stays + june)
    for id in stays:
        await facts_are_whole(connection, id)
    assert await past.drop() == 0

    await past.set(march[3:4], Status.SENT, NOW)
    assert await past.drop() == 1
    await past.shows([march[1], april[2], *june])
    await past.set([march[1], april[2]], Status.SENT, NOW)
    assert await past.drop() == 2
    await past.shows(june)


@pytest.mark.parametrize("status", FINISHED)
async def test_every_end_may_be_dropped(db: Database, status: Status) -> None:
    past = await Past(db).open()
    ids = await past.accept_read(MARCH, 1)
    await past.set(ids, status, NOW + DAY)

    assert await past.drop() == 1


async def test_an_uncertain_message_may_go_once_its_time_to_arrive_is_over(db: Database) -> None:
    past = await Past(db).open()
    ids = await past.accept_read(MARCH, 1)
    await past.set(ids, Status.UNCERTAIN, NOW)

    assert await past.drop(NOW - timedelta(seconds=1)) == 0
    assert await past.drop(NOW) == 1


async def test_a_message_that_stayed_is_sent_and_hears_of_its_delivery(
    db: Database, connection: asyncpg.Connection
) -> None:
    past = await Past(db).open()
    await past.accept_read(MARCH, 3)
    [id] = await past.accept(MARCH, PLAIN, reference="march", expires_in=YEAR)
    batches = await connection.fetch("select id from batches")
    assert await past.drop() == 3

    house = past.house(NOW)
    [marked] = await house.mark()
    await house.settle(marked, Accepted("wamid.1"))
    await house.receive(marked, "delivered", "read")

    assert marked.outgoing().ref.message_id == id
    assert await house.statuses([id]) == ["Read"]
    assert (await told(connection, id))[-3:] == [
        "message.sent",
        "message.delivered",
        "message.read",
    ]
    await facts_are_whole(connection, id)
    assert len(batches) == 4
    assert await connection.fetchval("select count(*) from batches") == 1
    assert await past.drop() == 1
    assert not await past.is_there(id)
    assert await connection.fetchval("select count(*) from batches") == 0


async def test_numbers_that_crossed_at_the_border_of_two_months_leave_no_gap(
    db: Database, connection: asyncpg.Connection
) -> None:
    past = await Past(db).open()
    march, april = await past.accept_read(MARCH, 3), await past.accept_read(APRIL, 3)
    for id, number in ((march[2], 4), (april[0], 3)):
        await connection.execute("update messages set number = $2 where id = $1", id, number)

    assert await past.drop(datetime(2031, 5, 5, tzinfo=UTC)) == 3

    await past.shows(april)


async def test_each_account_has_its_own_numbers(db: Database) -> None:
    one, two, three = [await Past(db, account_id).open() for account_id in (1, 2, 3)]
    await one.accept_read(MARCH, 2)
    stays = (await two.accept_read(MARCH, 3))[:1]
    await two.set(stays, Status.SCHEDULED, NOW + DAY)
    kept = [await past.accept_read(JUNE, 4) for past in (one, two, three)]

    assert await one.drop() == 4

    await one.shows(kept[0])
    await two.shows(stays + kept[1])
    await three.shows(kept[2])


async def test_a_month_is_surveyed_in_pieces(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 2)
    monkeypatch.setattr(retention, "ACCOUNTS_AT_ONCE", 1)
    monkeypatch.setattr(retention, "BATCHES_AT_ONCE", 2)
    one, two = [await Past(db, account_id).open() for account_id in (1, 2)]
    march = [await past.accept_read(MARCH, 5) for past in (one, two)]
    stays = [march[0][0], march[1][4]]
    await one.set(stays, Status.QUEUED, NOW + DAY)

    assert await one.drop() == 8

    await one.shows(stays[:1])
    await two.shows(stays[1:])


async def test_a_month_of_which_nearly_all_would_stay_waits_and_so_do_later_ones(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_KEPT", 1)
    past = await Past(db).open()
    march, april = await past.accept_read(MARCH, 4), await past.accept_read(APRIL, 3)
    await past.set(march[:2], Status.SCHEDULED, NOW + DAY)

    assert await past.drop() == 0
    await past.shows(march + april)
    await past.set(march[:1], Status.CANCELLED, NOW)
    assert await past.drop() == 6
    await past.shows(march[1:2])


class Killed(Exception):
    """The process is gone."""


class Mortal(Database):
    """Its process is killed right before so many transactions' next one would be committed."""

    lives = 0

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        async with super().tx() as tx:
            yield tx
            if self.lives == 0:
                raise Killed
            self.lives -= 1


@pytest.mark.parametrize("lives", range(9))
async def test_a_kill_between_any_two_steps_loses_nothing_and_the_next_run_goes_on(
    db: Database, database_url: str, connection: asyncpg.Connection, lives: int
) -> None:
    past = await Past(db).open()
    march, april = await past.accept_read(MARCH, 4), await past.accept_read(APRIL, 3)
    june = await past.accept_read(JUNE, 2)
    stays = [march[1], april[0]]
    await past.set(stays, Status.QUEUED, NOW + DAY)
    await past.drop(MARCH)  # nothing but the room for messages of the day of this test
    mortal = Mortal(database_url, 4, "waypost test")
    await mortal.open()

    mortal.lives = lives
    died = True
    try:
        await retention.drop(mortal, NOW, DAYS)
        died = False
    except Killed:
        pass
    await mortal.close()

    assert died == (lives < 7), "this many transactions does it take"
    for id in stays + june:
        assert await past.is_there(id)
        await facts_are_whole(connection, id)
    await past.drop()
    await past.shows(stays + june)


async def test_messages_are_accepted_while_others_are_dropped(db: Database) -> None:
    past = await Past(db).open()
    old = await past.accept_read(MARCH, 20)
    await past.set(old[:2], Status.SCHEDULED, NOW + DAY)
    new = await past.accept_read(JUNE, 1)
    house = past.house(NOW)
    going = True

    async def send() -> None:
        while going:
            new.extend(await house.accept(PLAIN))
            house.clock.advance(timedelta(milliseconds=1))

    sending = asyncio.create_task(send())
    dropped = [await past.drop(NOW + timedelta(hours=n)) for n in range(3)]
    going = False
    await sending

    assert dropped == [18, 0, 0]
    await past.shows(old[:2] + new)
    assert await past.balance() == 1000 - 20 - len(new)


async def test_behind_a_long_reader_it_gives_up_soon_and_lets_everybody_pass(
    db: Database, connection: asyncpg.Connection
) -> None:
    past = await Past(db).open()
    await past.accept_read(MARCH, 2)
    new = await past.accept_read(JUNE, 1)
    async with connection.transaction():
        await connection.fetch("select count(*) from messages")
        dropping = asyncio.create_task(past.drop())
        while not dropping.done():
            new += await asyncio.wait_for(past.house(NOW).accept(PLAIN), 5)
        assert await dropping == 0

    assert await past.drop() == 2
    await past.shows(new)


async def test_one_process_drops_at_a_time(db: Database) -> None:
    past = await Past(db).open()
    await past.accept_read(MARCH, 2)
    async with db.read() as tx:
        assert await store_retention.take_turn(tx)
        assert await past.drop() == 0
        await store_retention.give_turn(tx)

    assert await past.drop() == 2


async def test_several_at_once_drop_it_once(db: Database) -> None:
    past = await Past(db).open()
    march = await past.accept_read(MARCH, 6)
    await past.set(march[3:4], Status.QUEUED, NOW + DAY)

    dropped = await asyncio.gather(*(past.drop() for _ in range(3)))

    assert sum(dropped) == 5
    await past.shows(march[3:4])


async def test_after_years_of_standing_still_there_is_room_and_the_old_goes(db: Database) -> None:
    past = await Past(db).open()
    await past.accept_read(MARCH, 3)
    [stays] = await past.accept(MARCH, PLAIN, expires_in=YEAR)
    later = datetime(2035, 1, 1, tzinfo=UTC)

    await furnish(db, FrozenClock(later))

    # The new year is a millisecond old here, and not yet begun on the next machine.
    new = await past.house(later - timedelta(milliseconds=1)).accept(PLAIN)
    new += await past.house(later).accept(PLAIN)
    assert await past.drop(later) == 3
    await past.shows([stays, *new])
