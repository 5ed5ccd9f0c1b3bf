"""Requests that come again get the first answer, whichever way the two of them meet."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from tests.support.messages import until
from tests.support.proxy import Loss, Relay
from tests.support.sends import (
    CLOCK,
    accept,
    balance,
    bulk,
    differences,
    gathered,
    group_commit,
    single,
    wallet,
)
from waypost.credits import ledger
from waypost.credits.errors import InsufficientCredits
from waypost.credits.model import Kind, Move
from waypost.kit.db import Database, DatabaseAway, Tx
from waypost.messages import idempotency
from waypost.messages.errors import IdempotencyMismatch
from waypost.messages.options import Options
from waypost.messages.submission import Acceptance, Answer, Repeatable, Submission

FIRST = Repeatable("order-7", b"the first body")
OTHER = Repeatable("order-7", b"another body")


async def accepted(db: Database, *submissions: Submission) -> list[Answer]:
    return await db.transact(lambda tx: accept()(tx, submissions))


async def charged(connection: asyncpg.Connection) -> int:
    count: int = await connection.fetchval("select count(*) from ledger where kind = 'charge'")
    return count


def same(first: object, second: object) -> bool:
    """Whether the second is the first one's answer, given again."""
    assert isinstance(first, Acceptance)
    assert isinstance(second, Acceptance)
    assert not first.is_replay
    return second.is_replay and (first.ids, first.remaining_credits, first.queue_position) == (
        second.ids,
        second.remaining_credits,
        second.queue_position,
    )


async def test_a_request_that_comes_again_gets_the_first_answer_and_costs_nothing(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)

    (first,) = await accepted(db, single(7, repeatable=FIRST))
    await accepted(db, single(7))
    (second,) = await accepted(db, single(7, repeatable=FIRST))

    assert same(first, second)
    assert await charged(connection) == 2
    assert await connection.fetchval("select count(*) from messages") == 2
    assert await connection.fetchval("select count(*) from message_events") == 2


async def test_a_bulks_answer_is_kept_whole_with_those_who_got_nothing(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await connection.fetchval(
        "insert into templates (account_id, name, body, created_at, updated_at)"
        " values (7, 'hello', 'Hello {{name}}', now(), now()) returning id"
    )
    base = single(7, template_id=id, variables={})
    recipients = [*base.recipients, *bulk(7, 2).recipients]
    named = [type(r)(r.number, {"name": "Ada"}) for r in recipients[1:]]
    asked = Submission(
        7, 1, bulk(7, 1).kind, base.content, [recipients[0], *named], repeatable=FIRST
    )

    (first,) = await accepted(db, asked)
    await connection.execute("delete from templates")
    (second,) = await accepted(db, asked)

    assert same(first, second)
    assert isinstance(first, Acceptance)
    assert isinstance(second, Acceptance)
    assert second.outcomes == first.outcomes
    assert second.batch_id == first.batch_id is not None
    assert len(first.ids) == 2


async def test_another_body_under_the_key_is_refused_and_the_first_stays(db: Database) -> None:
    await wallet(db, 7, 10)

    (first,) = await accepted(db, single(7, repeatable=FIRST))
    (other,) = await accepted(db, single(7, "Goodbye", repeatable=OTHER))
    (again,) = await accepted(db, single(7, repeatable=FIRST))

    assert isinstance(other, IdempotencyMismatch)
    assert same(first, again)
    assert await balance(db, 7) == 9


async def test_a_key_belongs_to_its_account(db: Database) -> None:
    await wallet(db, 7, 10)
    await wallet(db, 8, 10)

    answers = await accepted(db, single(7, repeatable=FIRST), single(8, repeatable=OTHER))

    assert [isinstance(a, Acceptance) and not a.is_replay for a in answers] == [True, True]


async def test_twins_of_one_batch_are_sent_once(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)

    first, twin, other, third = await accepted(
        db,
        single(7, repeatable=FIRST),
        single(7, repeatable=FIRST),
        single(7, repeatable=OTHER),
        single(7, repeatable=FIRST),
    )

    assert same(first, twin)
    assert same(first, third)
    assert isinstance(other, IdempotencyMismatch)
    assert await charged(connection) == 1


async def test_what_was_refused_is_not_remembered(db: Database) -> None:
    await wallet(db, 7, 0)

    first, twin = await accepted(db, *(single(7, repeatable=FIRST) for _ in range(2)))
    await wallet_gets(db, 7, 5)
    (second,) = await accepted(db, single(7, "Goodbye", repeatable=OTHER))

    assert isinstance(first, InsufficientCredits)
    assert isinstance(twin, InsufficientCredits)
    assert isinstance(second, Acceptance)
    assert not second.is_replay


async def wallet_gets(db: Database, account_id: int, credits: int) -> None:
    async def grant(tx: Tx) -> None:
        await ledger.post(tx, [Move(account_id, credits, Kind.GRANT)], CLOCK.now())

    await db.transact(grant)


async def test_a_refused_twin_does_not_hinder_the_next_one_of_its_batch(db: Database) -> None:
    await wallet(db, 7, 1)
    dear = bulk(7, 2, repeatable=FIRST)

    refused, cheap = await accepted(db, dear, single(7, repeatable=OTHER))

    assert isinstance(refused, InsufficientCredits)
    assert isinstance(cheap, Acceptance)


async def test_a_request_is_repeated_though_nothing_new_would_be_accepted(
    db: Database, connection: asyncpg.Connection
) -> None:
    """Its credits are spent, its device is gone, its pool was changed: it was accepted then."""
    await wallet(db, 7, 1)
    asked = single(7, repeatable=FIRST, options=Options(device_id=1))
    (first,) = await accepted(db, asked)
    await connection.execute("delete from devices")

    (again,) = await accepted(db, asked)
    (moved,) = await accepted(db, replace(asked, pool_id=99))

    assert same(first, again)
    assert same(first, moved)


async def test_after_24_hours_the_key_is_free(db: Database, connection: asyncpg.Connection) -> None:
    await wallet(db, 7, 10)
    (first,) = await accepted(db, single(7, repeatable=FIRST))
    await age(connection, timedelta(hours=23, minutes=59))
    (replayed,) = await accepted(db, single(7, repeatable=FIRST))
    await age(connection, timedelta(minutes=1))

    (second,) = await accepted(db, single(7, "Goodbye", repeatable=OTHER))
    (third,) = await accepted(db, single(7, "Goodbye", repeatable=OTHER))

    assert same(first, replayed)
    assert isinstance(second, Acceptance)
    assert not second.is_replay
    assert same(second, third)


async def age(connection: asyncpg.Connection, by: timedelta) -> None:
    await connection.execute("update idempotency set created_at = created_at - $1::interval", by)


async def test_pruning_forgets_what_is_a_day_old_and_nothing_younger(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    await accepted(db, single(7, repeatable=FIRST))
    await age(connection, timedelta(hours=24))
    await accepted(db, single(7, repeatable=Repeatable("order-8", b"body")))

    await db.transact(lambda tx: idempotency.prune(tx, CLOCK.now()))

    assert [row["key"] for row in await connection.fetch("select key from idempotency")] == [
        "order-8"
    ]


async def test_pruning_does_not_wait_for_a_key_that_is_being_used_again(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    await accepted(db, single(7, repeatable=FIRST))
    await age(connection, timedelta(hours=24))

    async with db.tx() as tx:
        (again,) = await accept()(tx, [single(7, repeatable=FIRST)])
        async with asyncio.timeout(10):
            await db.transact(lambda tx: idempotency.prune(tx, CLOCK.now()))

    assert isinstance(again, Acceptance)
    assert await connection.fetchval("select count(*) from idempotency") == 1


async def test_a_twin_in_another_process_waits_for_the_first(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    async with db.tx() as tx:
        (first,) = await accept()(tx, [single(7, repeatable=FIRST)])
        twin = asyncio.create_task(accepted(db, single(7, repeatable=FIRST)))
        await until(lambda: waits_for_a_lock(connection))
        assert not twin.done()

    assert same(first, (await twin)[0])
    assert await charged(connection) == 1


async def test_a_twin_of_what_was_rolled_back_is_itself_the_first(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    twins = []
    with suppress(ZeroDivisionError):
        async with db.tx() as tx:
            await accept()(tx, [single(7, repeatable=FIRST)])
            twins.append(asyncio.create_task(accepted(db, single(7, repeatable=FIRST))))
            await until(lambda: waits_for_a_lock(connection))
            raise ZeroDivisionError

    (answer,) = await twins[0]
    assert isinstance(answer, Acceptance)
    assert not answer.is_replay
    assert await charged(connection) == 1


async def test_many_twins_at_once_are_one(db: Database, connection: asyncpg.Connection) -> None:
    await wallet(db, 7, 100)
    twins = [single(7, repeatable=Repeatable(f"order-{n % 10}", b"body")) for n in range(200)]

    async with group_commit(db, committers=4) as commit:
        answers = await gathered(commit, twins)

    accepted = [a for a in answers if isinstance(a, Acceptance)]
    assert len(accepted) == 200
    assert sum(not answer.is_replay for answer in accepted) == 10
    assert len({answer.ids[0] for answer in accepted}) == 10
    assert await charged(connection) == 10
    assert await differences(db) == []


@pytest.mark.parametrize("loss", [Loss.BEFORE, Loss.AFTER])
async def test_after_a_commit_without_an_answer_a_replay_tells_the_truth(
    database_url: str, db: Database, connection: asyncpg.Connection, loss: Loss
) -> None:
    """Of twins, and of one who repeats what was accepted before, in the batch that is lost."""
    await wallet(db, 7, 100)
    old, new = Repeatable("old", b"body"), Repeatable("new", b"body")
    async with Relay(database_url).running() as relay:
        through = Database(relay.url, 4, "waypost test")
        await through.open()
        async with group_commit(through, committers=1) as commit:
            before = await commit.submit(single(7, repeatable=old))
            relay.loss = loss
            asked = [old, new, new, None]
            answers = await gathered(commit, [single(7, repeatable=each) for each in asked])
            replayed, first, twin, plain = answers
            again = await commit.submit(single(7, repeatable=new))
        await through.close()

    assert same(before, replayed)
    if loss is Loss.AFTER:
        assert isinstance(plain, Acceptance)
        assert same(first, twin)
        assert same(first, again)
    else:
        assert all(isinstance(answer, DatabaseAway) for answer in (first, twin, plain))
        assert not again.is_replay
    told = {id for a in (before, *answers, again) if isinstance(a, Acceptance) for id in a.ids}
    assert {row["id"] for row in await connection.fetch("select id from messages")} == told
    assert await balance(db, 7) == 100 - len(told)


async def waits_for_a_lock(connection: asyncpg.Connection) -> bool:
    waits: bool = await connection.fetchval(
        "select exists (select from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock')"
    )
    return waits
