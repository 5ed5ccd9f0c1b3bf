"""Accepting: what one transaction does, and what it refuses without harm to neighbours."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.sends import CLOCK, DAY, accept, balance, bulk, single, wallet
from waypost.credits.errors import InsufficientCredits
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.kit.errors import Invalid, NotFound, Unavailable
from waypost.kit.ids import Ids
from waypost.kit.page import PageAsk
from waypost.messages import find
from waypost.messages.accept import Accept, Acceptance, Answer, Submission
from waypost.messages.schemas import Recipient
from waypost.messages.store_read import Filter


async def accepted(db: Database, *submissions: Submission) -> list[Answer]:
    return await db.transact(lambda tx: accept()(tx, submissions))


async def template(connection: asyncpg.Connection, account_id: int, body: str) -> int:
    id: int = await connection.fetchval(
        "insert into templates (account_id, name, body, created_at, updated_at)"
        " values ($1, 'hello', $2, now(), now()) returning id",
        account_id,
        body,
    )
    return id


async def test_one_commit_holds_all_that_belongs_together(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)

    (answer,) = await accepted(db, single(7))

    assert isinstance(answer, Acceptance)
    (id,) = answer.outcomes
    assert (answer.remaining_credits, answer.queue_position) == (9, 1)
    assert (answer.available_devices, answer.total_devices) == (3, 3)
    message = await connection.fetchrow("select * from messages")
    assert (message["id"], message["account_id"], message["number"]) == (id, 7, 1)
    assert (message["status"], message["recipient"], message["body"]) == (
        "Queued",
        "27821234567",
        "Hello",
    )
    entry = await connection.fetchrow("select * from ledger where kind = 'charge'")
    assert (entry["delta"], entry["balance"], entry["message_id"]) == (-1, 9, id)
    event = await connection.fetchrow("select * from message_events")
    assert (event["message_id"], event["number"], event["type"]) == (id, 1, "message.queued")
    job = await connection.fetchrow("select * from pgqueuer")
    assert (job["entrypoint"], job["status"]) == ("pool.1", "queued")


async def test_an_accounts_messages_are_numbered_in_order_over_batches(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 100)
    await wallet(db, 8, 100)

    await accepted(db, single(7), bulk(8, 3), single(7), bulk(7, 2))
    await accepted(db, single(7), single(8))

    rows = await connection.fetch("select account_id, number from messages order by id")
    numbers = {7: [], 8: []}
    for row in rows:
        numbers[row["account_id"]].append(row["number"])
    assert numbers == {7: [1, 2, 3, 4, 5], 8: [1, 2, 3, 4]}


async def test_who_cannot_pay_is_refused_and_the_neighbours_go(db: Database) -> None:
    await wallet(db, 7, 1)
    await wallet(db, 8, 5)

    first, second, third = await accepted(db, single(7), single(7), single(8))

    assert isinstance(first, Acceptance)
    assert isinstance(third, Acceptance)
    assert isinstance(second, InsufficientCredits)
    assert second.message == "Not enough credits to send message. Required: 1, Available: 0"
    assert [await balance(db, 7), await balance(db, 8)] == [0, 4]


async def test_a_bulk_is_all_or_nothing_on_credits(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 4)

    too_much, enough = await accepted(db, bulk(7, 5), bulk(7, 4))

    assert isinstance(too_much, InsufficientCredits)
    assert too_much.message.endswith("Required: 5, Available: 4")
    assert isinstance(enough, Acceptance)
    assert await connection.fetchval("select count(*) from messages") == 4


async def test_an_account_without_a_wallet_has_nothing(db: Database) -> None:
    (answer,) = await accepted(db, single(99))

    assert isinstance(answer, InsufficientCredits)


async def test_places_count_on_within_a_batch_and_after_it(db: Database) -> None:
    await wallet(db, 7, 100)

    answers = await accepted(db, single(7), bulk(7, 3), single(7))
    (later,) = await accepted(db, single(7))

    places = [a.queue_position for a in (*answers, later) if isinstance(a, Acceptance)]
    assert places == [1, 2, 5, 6]


async def test_places_beyond_a_thousand_are_estimated_near_the_truth(db: Database) -> None:
    await wallet(db, 7, 2000)
    await accepted(db, *(bulk(7, 200) for _ in range(6)))

    (answer,) = await accepted(db, single(7))

    assert isinstance(answer, Acceptance)
    assert 1150 <= answer.queue_position <= 1250


async def test_what_waits_for_its_next_try_stands_in_nobodys_way(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 2000)
    await accepted(db, *(bulk(7, 200) for _ in range(6)))
    await connection.execute("update pgqueuer set execute_after = now() + interval '1 hour'")

    (answer,) = await accepted(db, single(7))

    assert isinstance(answer, Acceptance)
    assert answer.queue_position == 1


async def test_a_template_is_rendered_once_and_kept_as_accepted(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{ name }}, {{company}}!")

    await accepted(
        db, single(7, template_id=id, variables={"name": "{{company}}", "company": "Example"})
    )
    await connection.execute("update templates set body = 'changed'")

    assert await connection.fetchval("select body from messages") == "Hello {{company}}, Example!"


@pytest.mark.parametrize("variables", [{}, {"nome": "x"}])
async def test_a_missing_variable_is_refused_by_its_name(
    db: Database, connection: asyncpg.Connection, variables: dict[str, str]
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")

    missing, good = await accepted(db, single(7, template_id=id, variables=variables), single(7))

    assert isinstance(missing, Invalid)
    assert [problem.field for problem in missing.details] == ["variables.name"]
    assert isinstance(good, Acceptance)
    assert await balance(db, 7) == 9


async def test_anothers_template_does_not_exist(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 8, "Hello")

    (answer,) = await accepted(db, single(7, template_id=id))

    assert isinstance(answer, NotFound)
    assert answer.message == "There is no template by that id."


async def test_a_text_that_renders_too_long_or_with_nul_is_refused(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")

    answers = await accepted(
        db,
        single(7, template_id=id, variables={"name": "x" * 4091}),
        single(7, template_id=id, variables={"name": "\x00"}),
        single(7, template_id=id, variables={"name": "x" * 4090}),
    )

    assert [type(answer) for answer in answers] == [Invalid, Invalid, Acceptance]


@pytest.mark.parametrize("value", [[1], {"a": 1}, None])
async def test_a_variable_that_is_no_simple_value_is_refused_by_its_name(
    db: Database, connection: asyncpg.Connection, value: object
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")

    (answer,) = await accepted(db, single(7, template_id=id, variables={"name": value}))

    assert isinstance(answer, Invalid)
    assert [problem.field for problem in answer.details] == ["variables.name"]


async def test_a_recipient_without_its_variable_does_not_stop_the_others(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 10)
    id = await template(connection, 7, "Hello {{name}}")
    base = single(7, template_id=id)
    recipients = [Recipient("27821234567", {"name": "Ada"}), Recipient("27829876543", {})]
    submission = Submission(7, 1, base.kind, base.content, recipients)

    (answer,) = await accepted(db, submission)

    assert isinstance(answer, Acceptance)
    assert [type(outcome) for outcome in answer.outcomes] == [UUID, Invalid]
    assert answer.remaining_credits == 9


async def test_an_account_whose_pool_is_gone_is_told_to_try_again(db: Database) -> None:
    """Its token may be remembered from just before it was moved to another pool."""
    await wallet(db, 7, 10)
    gone = Submission(7, 99, single(7).kind, single(7).content, single(7).recipients)

    moved, good = await accepted(db, gone, single(7))

    assert isinstance(moved, Unavailable)
    assert isinstance(good, Acceptance)
    assert await balance(db, 7) == 9


async def test_a_ledgers_entries_are_in_the_order_of_their_times(
    db: Database, connection: asyncpg.Connection
) -> None:
    await wallet(db, 7, 50)
    for _ in range(5):
        await accepted(db, single(7), single(7))

    rows = await connection.fetch("select at from ledger where account_id = 7 order by number")

    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows[-1]["at"] <= CLOCK.now()


@pytest.mark.parametrize("apart", [timedelta(seconds=-5), timedelta(0), timedelta(seconds=5)])
async def test_history_is_narrowed_by_the_time_that_it_shows_not_by_the_time_of_the_id(
    db: Database, apart: timedelta
) -> None:
    await wallet(db, 7, 10)
    late = Accept(CLOCK, Ids(FrozenClock(CLOCK.now() + apart)), DAY)
    await db.transact(lambda tx: late(tx, [single(7)]))

    async def found(wanted: Filter) -> int:
        async with db.read() as tx:
            return (await find.history(tx, 7, wanted, PageAsk())).total

    async with db.read() as tx:
        (message,) = (await find.history(tx, 7, Filter(), PageAsk())).messages
    at, moment = message.created_at, timedelta(microseconds=1)
    assert await found(Filter(since=at)) == 1
    assert await found(Filter(since=at + moment)) == 0
    assert await found(Filter(until=at + moment)) == 1
    assert await found(Filter(until=at)) == 0
