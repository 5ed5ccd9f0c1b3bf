"""A customer's bulk does not hold up another's messages, however long it is."""

import asyncio
from collections import Counter
from collections.abc import Iterable

import asyncpg
import pytest

from tests.support.messages import until, worker
from tests.support.sends import gathered, group_commit, single, wallet
from waypost.kit.db import Database
from waypost.messages.group_commit import GroupCommit
from waypost.messages.model import Class
from waypost.messages.schemas import Content, Recipient
from waypost.messages.submission import Acceptance, Submission

FLOOD, QUIET = 1, 2
"""Accounts: one with a huge bulk, one with single messages."""

TOTAL, BULK, TOGETHER = 100_000, 200, 5
POOL_RATE = 100.0
SINGLES, EVERY = 100, 0.2
PROMISED_SECONDS = 1.0
SHARE = 0.05

PACE = """
update devices set pacing = jsonb_build_object('per_second', $1 / (select count(*) from devices))
"""
DELAYS = """
select extract(epoch from sent_at - created_at)::float as seconds from messages
 where account_id = $1 order by sent_at - created_at
"""
LEFT = "select count(*) from messages where account_id = $1 and sent_at is null"
SENT = "select account_id from messages where sent_at is not null order by sent_at"

pytestmark = pytest.mark.timeout(240)


async def test_a_bulk_of_100_000_delays_another_s_single_messages_by_less_than_a_second(
    db: Database, database_url: str, connection: asyncpg.Connection
) -> None:
    await connection.execute(PACE, POOL_RATE)
    await wallet(db, QUIET, SINGLES)
    async with group_commit(db) as commit:
        await flood(db, commit, FLOOD, TOTAL)
        async with worker(database_url):
            await until(lambda: some_left(connection, FLOOD, TOTAL - BULK))
            for number in numbers(SINGLES):
                send = commit.submit(single(QUIET, number=number))
                await asyncio.gather(send, asyncio.sleep(EVERY))
            await until(lambda: some_left(connection, QUIET, 0))
            still_queued = await connection.fetchval(LEFT, FLOOD)

    delays = [row["seconds"] for row in await connection.fetch(DELAYS, QUIET)]
    print(f"median {delays[SINGLES // 2]:.3f} s, most {delays[-1]:.3f} s, {still_queued} queued")
    assert delays[SINGLES * 99 // 100 - 1] < PROMISED_SECONDS, delays
    assert still_queued > TOTAL * 0.9


async def test_two_bulks_of_equal_weight_go_on_side_by_side(
    db: Database, database_url: str, connection: asyncpg.Connection
) -> None:
    """Whoever came first."""
    size, counted = 4_000, 4_000
    await connection.execute(PACE, POOL_RATE * 10)
    async with group_commit(db) as commit:
        await flood(db, commit, 1, size)
        await flood(db, commit, 2, size)
    async with worker(database_url):
        await until(lambda: some_left(connection, 1, size - counted // 2), 60)
        await until(lambda: some_left(connection, 2, size - counted // 2), 60)

    went = [row["account_id"] for row in await connection.fetch(SENT)]
    for so_far in range(BULK * 2, counted, BULK):
        sent = Counter(went[:so_far])
        assert abs(sent[1] - sent[2]) <= SHARE * max(sent.values()), (so_far, sent)


async def flood(db: Database, commit: GroupCommit, account_id: int, total: int) -> None:
    """A bulk for so many people, in as many requests as it takes."""
    await wallet(db, account_id, total)
    people = [Recipient(number, {}) for number in numbers(total)]
    requests = [people[at : at + BULK] for at in range(0, total, BULK)]
    content = Content("Hello", None, {})
    for at in range(0, len(requests), TOGETHER):
        some = [
            Submission(account_id, 1, Class.BULK, content, part)
            for part in requests[at : at + TOGETHER]
        ]
        answers = await gathered(commit, some)
        assert all(isinstance(answer, Acceptance) for answer in answers), answers


def numbers(count: int) -> Iterable[str]:
    """Different ones, to which messages go their ordinary way."""
    return (f"278{n:06}55" for n in range(count))


async def some_left(connection: asyncpg.Connection, account_id: int, most: int) -> bool:
    left: int = await connection.fetchval(LEFT, account_id)
    return left <= most
