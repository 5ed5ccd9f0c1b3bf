"""Sends that arrive together share a commit; each gets its own answer."""

import asyncio

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.proxy import Loss, Relay
from tests.support.sends import (
    balance,
    differences,
    gathered,
    group_commit,
    single,
    wallet,
)
from waypost.credits.errors import InsufficientCredits
from waypost.kit.db import CommitUnknown, Database, DatabaseAway
from waypost.kit.errors import Unavailable
from waypost.messages.submission import Acceptance


async def transactions(connection: asyncpg.Connection) -> int:
    """How many transactions the messages came in: rows of one commit share their creator."""
    count: int = await connection.fetchval("select count(distinct xmin::text) from messages")
    return count


async def test_sends_at_once_share_few_commits(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 200)

    async with group_commit(db) as commit:
        answers = await gathered(commit, [single(7) for _ in range(200)])

    assert all(isinstance(answer, Acceptance) for answer in answers)
    assert await connection.fetchval("select count(*) from messages") == 200
    assert await transactions(connection) < 20


async def test_each_caller_gets_its_own_answer(db: Database) -> None:
    await wallet(db, 7, 3)
    await wallet(db, 8, 100)

    async with group_commit(db) as commit:
        answers = await gathered(commit, [single(account) for account in [7, 8] * 10])

    mine = answers[0::2]
    assert [type(a) for a in mine].count(Acceptance) == 3
    assert [type(a) for a in mine].count(InsufficientCredits) == 7
    assert sorted(a.remaining_credits for a in mine if isinstance(a, Acceptance)) == [0, 1, 2]
    assert all(isinstance(a, Acceptance) for a in answers[1::2])
    assert await differences(db) == []


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b"])
async def test_a_send_that_no_column_can_hold_fails_alone(db: Database, bad: str) -> None:
    """The edge refuses such texts; were one to slip through, its neighbours would still go."""
    await wallet(db, 7, 100)
    texts = ["good"] * 5 + [bad] + ["\N{GRINNING FACE}" * 4096] + ["good"] * 5

    async with group_commit(db) as commit:
        answers = await gathered(commit, [single(7, text) for text in texts])

    assert [isinstance(answer, Acceptance) for answer in answers] == [t != bad for t in texts]
    assert await balance(db, 7) == 100 - 11


async def test_a_caller_who_leaves_before_the_commit_pays_nothing(db: Database) -> None:
    await wallet(db, 7, 10)

    async with group_commit(db) as commit:
        sends = [asyncio.create_task(commit.submit(single(7))) for _ in range(10)]
        await asyncio.sleep(0)
        sends[3].cancel()
        answers = await asyncio.gather(*sends, return_exceptions=True)

    assert isinstance(answers[3], asyncio.CancelledError)
    assert sum(isinstance(answer, Acceptance) for answer in answers) == 9
    assert await balance(db, 7) == 1


async def test_a_caller_who_is_cut_off_during_the_commit_is_not_told_to_try_again(
    db: Database, connection: asyncpg.Connection
) -> None:
    """As at the end of a stop's patience: what is under way may well be committed."""
    await wallet(db, 7, 10)
    async with group_commit(db) as commit, connection.transaction():
        await connection.execute("select from wallets where account_id = 7 for update")
        send = asyncio.create_task(commit.submit(single(7)))
        await until(lambda: waits_for_a_lock(connection))
        send.cancel()
        (answer,) = await asyncio.gather(send, return_exceptions=True)

    assert isinstance(answer, CommitUnknown)
    assert "Try again" not in answer.message
    assert await balance(db, 7) == 9


async def waits_for_a_lock(connection: asyncpg.Connection) -> bool:
    waits: bool = await connection.fetchval(
        "select exists (select from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock')"
    )
    return waits


async def test_closing_commits_what_came_and_takes_no_more(db: Database) -> None:
    await wallet(db, 7, 10)

    async with group_commit(db) as commit:
        await commit.submit(single(7))  # from now on the account's backlog is known
        sends = [asyncio.create_task(commit.submit(single(7))) for _ in range(9)]
        await asyncio.sleep(0)
        commit.close()
        with pytest.raises(Unavailable):
            await commit.submit(single(7))
        answers = await asyncio.gather(*sends)

    assert [answer.remaining_credits for answer in answers] == [*reversed(range(9))]


@pytest.mark.parametrize("loss", [Loss.BEFORE, Loss.AFTER])
async def test_a_commit_without_an_answer_is_looked_up(
    database_url: str, db: Database, connection: asyncpg.Connection, loss: Loss
) -> None:
    """Whoever is told "accepted" has a message, and whoever is refused has none."""
    await wallet(db, 7, 100)
    async with Relay(database_url).running() as relay:
        through = Database(relay.url, 4, "waypost test")
        await through.open()
        async with group_commit(through, committers=1) as commit:
            await commit.submit(single(7))
            relay.loss = loss
            answers = await gathered(commit, [single(7) for _ in range(5)])
        await through.close()

    accepted = [a.outcomes[0] for a in answers if isinstance(a, Acceptance)]
    stored = {row["id"] for row in await connection.fetch("select id from messages")}
    assert set(accepted) <= stored
    if loss is Loss.AFTER:
        assert len(accepted) == 5
    refused = [a for a in answers if not isinstance(a, Acceptance)]
    assert all(isinstance(a, DatabaseAway) for a in refused)
    assert len(stored) == 1 + len(accepted)
    assert await balance(db, 7) == 100 - len(stored)


async def test_while_the_database_is_away_nobody_is_told_anything_false(
    database_url: str, db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 100)
    gone = Database(database_url, 2, "waypost test")
    await gone.open()
    await gone.close()

    async with group_commit(gone) as commit:
        answers = await gathered(commit, [single(7)])

    assert isinstance(answers[0], (DatabaseAway, CommitUnknown))
    assert await connection.fetchval("select count(*) from messages") == 0
