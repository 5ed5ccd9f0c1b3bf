"""What is known of backlogs: mostly without a query, and never far from the truth."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from tests.support.recording import RecordingDatabase
from tests.support.sends import CLOCK, accept, bulk, gathered, group_commit, single, wallet
from waypost.credits.errors import InsufficientCredits
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.messages.backlog import Backlog, Room
from waypost.messages.errors import BacklogFull
from waypost.messages.options import Options
from waypost.messages.submission import Acceptance, Repeatable, Submission

PER_ACCOUNT, PER_POOL = 100, 1000
SCHEDULED = Options(send_at=CLOCK.now() + timedelta(hours=1))


class Desk:
    """What accepts in one process, with a clock of its own."""

    def __init__(self, db: RecordingDatabase) -> None:
        self._db = db
        self._clock = FrozenClock(CLOCK.now())
        self.backlog = Backlog(db, self._clock, PER_ACCOUNT, PER_POOL)

    async def queries(self, submission: Submission) -> int:
        """How many queries it takes to judge whether there is room; nothing is accepted."""
        self._db.statements.clear()
        room = await self.backlog.enter(submission)
        if isinstance(room, Room):
            room.leave(0)
        return len(self._db.statements)

    async def send(self, submission: Submission) -> None:
        """Accept the submission; there is room for it."""
        room = await self.backlog.enter(submission)
        assert isinstance(room, Room)
        (answer,) = await self._db.transact(lambda tx: accept()(tx, [submission]))
        assert isinstance(answer, Acceptance)
        room.leave(answer.queued)
        self.wait(0.01)

    async def refused(self, submission: Submission) -> BacklogFull:
        """Why there is no room for it."""
        full = await self.backlog.enter(submission)
        assert isinstance(full, BacklogFull)
        return full

    def wait(self, seconds: float) -> None:
        self._clock.advance(timedelta(seconds=seconds))


@pytest.fixture
async def desk(db: Database, database_url: str) -> AsyncIterator[Desk]:
    for account_id in (7, 8):
        await wallet(db, account_id, 10_000)
    recording = RecordingDatabase(database_url, 4, "waypost test")
    await recording.open()
    yield Desk(recording)
    await recording.close()


async def drained(connection: asyncpg.Connection, messages: int) -> None:
    await connection.execute(
        "delete from pgqueuer where id in (select id from pgqueuer limit $1)", messages
    )


def wait_of(full: BacklogFull) -> int:
    return int(full.headers["Retry-After"])


async def test_a_small_backlog_is_counted_once(desk: Desk) -> None:
    assert await desk.queries(single(7)) == 2  # the account's, and the pool's
    await desk.send(bulk(7, 4))
    desk.wait(3600)

    assert await desk.queries(single(7)) == 0
    assert await desk.queries(single(8)) == 1


async def test_one_that_has_grown_is_counted_again(desk: Desk) -> None:
    await desk.send(bulk(7, 5))
    assert await desk.queries(single(7)) == 0
    desk.wait(0.5)

    assert await desk.queries(single(7)) == 1
    assert await desk.queries(single(7)) == 0


async def test_a_large_one_is_counted_every_few_seconds(desk: Desk) -> None:
    await desk.send(bulk(7, 40))
    desk.wait(0.5)
    assert await desk.queries(single(7)) == 1
    desk.wait(4.9)
    assert await desk.queries(single(7)) == 0
    desk.wait(0.2)

    assert await desk.queries(single(7)) == 1


async def test_nobody_is_refused_for_what_has_left(
    desk: Desk, connection: asyncpg.Connection
) -> None:
    await desk.send(bulk(7, 100))
    await desk.refused(single(7))
    await drained(connection, 1)
    desk.wait(0.5)

    await desk.send(single(7))
    await desk.refused(single(7))


async def test_while_it_is_full_it_is_not_counted_for_every_request(desk: Desk) -> None:
    await desk.send(bulk(7, 100))
    await desk.refused(single(7))
    assert await desk.queries(single(7)) == 0
    desk.wait(0.5)

    assert await desk.queries(single(7)) > 0


async def test_a_refusal_tells_what_is_full_and_by_how_much(desk: Desk) -> None:
    await desk.send(bulk(7, 90))

    mine = await desk.refused(bulk(7, 11))

    assert mine.message.startswith("Your account has 90 messages waiting, and may have 100 at most")
    assert await desk.queries(bulk(8, 11)) == 1


async def test_a_pool_is_full_by_all_its_accounts(db: Database, desk: Desk) -> None:
    for account_id in range(10, 20):
        await wallet(db, account_id, 100)
        await desk.send(bulk(account_id, 100))

    full = await desk.refused(single(7))

    assert full.message.startswith("Your pool of senders has 1,000 messages waiting")


@pytest.mark.parametrize(
    ("left", "messages", "seconds"), [(10, 49, 20), (50, 51, 1), (1, 90, 60), (0, 1, 5)]
)
async def test_who_is_refused_is_told_when_there_will_be_room(
    desk: Desk, connection: asyncpg.Connection, left: int, messages: int, seconds: int
) -> None:
    """As fast as it drained between two counts; a guess where it did not."""
    await desk.send(bulk(7, 100))
    desk.wait(0.5)
    await desk.refused(single(7))
    await drained(connection, left)
    desk.wait(5)

    assert wait_of(await desk.refused(bulk(7, messages))) == seconds


async def test_room_is_kept_for_a_request_until_it_is_over(desk: Desk) -> None:
    room = await desk.backlog.enter(bulk(7, 60))
    assert isinstance(room, Room)
    await desk.refused(bulk(7, 60))

    room.leave(0)

    await desk.send(bulk(7, 60))


async def test_what_is_scheduled_needs_no_room(desk: Desk) -> None:
    await desk.send(bulk(7, 100))

    assert await desk.queries(bulk(7, 1, options=SCHEDULED)) == 0
    await desk.send(bulk(7, 100, options=SCHEDULED))


async def test_what_was_refused_or_given_again_takes_no_room(db: Database, desk: Desk) -> None:
    await wallet(db, 9, 50)
    repeated = Repeatable("order-7", b"body")
    async with group_commit(db, backlog=desk.backlog) as commit:
        first = await commit.submit(bulk(9, 50, repeatable=repeated))
        for _ in range(3):
            with pytest.raises(InsufficientCredits):
                await commit.submit(bulk(9, 50))
            assert (await commit.submit(bulk(9, 50, repeatable=repeated))).ids == first.ids

    assert isinstance(await desk.backlog.enter(bulk(9, 50)), Room)


async def test_when_it_is_full_a_request_that_comes_again_is_answered_and_no_new_one(
    db: Database, desk: Desk
) -> None:
    first, other = Repeatable("order-7", b"body"), Repeatable("order-8", b"body")
    async with group_commit(db, backlog=desk.backlog) as commit:
        accepted = await commit.submit(bulk(7, 100, repeatable=first))
        again, new = await gathered(
            commit, [bulk(7, 100, repeatable=first), single(7, repeatable=other)]
        )

    assert isinstance(again, Acceptance)
    assert again.ids == accepted.ids
    assert isinstance(new, BacklogFull)
