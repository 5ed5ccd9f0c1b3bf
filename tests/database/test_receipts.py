"""Receipts that are late, repeated or disordered never undo anything."""

from itertools import permutations

import asyncpg
import pytest

from tests.support.messages import DOWN, PLAIN, House, facts_are_whole, jobs_of, told
from waypost.drivers.news import Delivered, Failed, Left, Read
from waypost.drivers.outgoing import Ref
from waypost.drivers.port import Accepted, Unknown
from waypost.kit.db import Database
from waypost.messages import receipts

ACCEPTED = Accepted("wamid")
LOST = Unknown("The answer never came.")


async def test_a_sent_message_is_delivered_then_read(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.settle(marked, ACCEPTED)

    await house.receive(marked, "delivered")
    await house.receive(marked, "read")

    (state,) = await house.states([id])
    assert state.status == "Read"
    assert state.delivered_at is not None
    assert state.read_at is not None
    assert (await told(connection, id))[-2:] == ["message.delivered", "message.read"]


async def test_both_in_one_batch_are_two_facts(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.settle(marked, ACCEPTED)

    news = await house.receive(marked, "delivered", "read", "read")

    assert len(news) == 2
    assert (await told(connection, id))[-2:] == ["message.delivered", "message.read"]
    await facts_are_whole(connection, id)


async def test_read_without_delivered_leaves_the_time_of_delivery_open(db: Database) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()

    await house.receive(marked, "read")

    (state,) = await house.states([id])
    assert (state.status, state.delivered_at) == ("Read", None)


async def test_in_whatever_order_news_and_outcome_come_the_end_is_the_same(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    orders = sorted(set(permutations(["settle", "left", "delivered", "read", "delivered"])))
    ids = await house.accept(*[f"2782{1_000_000 + n}" for n in range(len(orders))])
    marked = {each.claimed.text.id: each for each in await house.mark()}

    for id, order in zip(ids, orders, strict=True):
        for act in order:
            if act == "settle":
                await house.settle(marked[id], ACCEPTED)
            else:
                await house.receive(marked[id], act)

    for state in await house.states(ids):
        assert (state.status, state.provider_id, state.attempts) == ("Read", "wamid", 1)
        assert None not in (state.sent_at, state.delivered_at, state.read_at)
    for id in ids:
        await facts_are_whole(connection, id)
    assert await jobs_of(connection) == []


async def test_a_receipt_before_its_settle_is_not_undone_by_it(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()

    await house.receive(marked, "delivered")
    assert await jobs_of(connection) == [], "what has arrived is not sent again"
    await house.settle(marked, ACCEPTED)

    (state,) = await house.states([id])
    assert (state.status, state.provider_id) == ("Delivered", "wamid")
    assert state.sent_at is not None
    assert await jobs_of(connection) == []


async def test_a_sent_message_that_fails_later_is_refunded_once(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.settle(marked, ACCEPTED)
    assert await house.balance() == 9

    await house.receive(marked, "failed", "failed")
    await house.receive(marked, "failed")

    (state,) = await house.states([id])
    assert (state.status, state.error_code) == ("Failed", "UNDELIVERABLE")
    assert await house.balance() == 10
    refunds = await connection.fetch("select message_id from ledger where kind = 'refund'")
    assert [row["message_id"] for row in refunds] == [id]


@pytest.mark.parametrize("first", ["delivered", "read"])
async def test_nothing_fails_after_it_arrived(db: Database, first: str) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.settle(marked, ACCEPTED)

    await house.receive(marked, first)
    await house.receive(marked, "failed")

    assert await house.statuses([id]) == [first.capitalize()]
    assert await house.balance() == 9


async def test_what_failed_stays_failed_and_refunded_and_keeps_the_news(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.receive(marked, "failed")

    await house.settle(marked, ACCEPTED)
    for _ in range(2):
        await house.receive(marked, "failed", "read", "delivered", "read")

    (state,) = await house.states([id])
    assert state.status == "Failed"
    assert None not in (state.sent_at, state.delivered_at, state.read_at)
    assert (await told(connection, id))[2:] == [
        "message.failed",
        "message.sent",
        "message.read",
        "message.delivered",
    ]
    await facts_are_whole(connection, id)
    assert await house.balance() == 10


async def test_what_is_known_to_have_arrived_is_not_sent_again(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.settle(marked, DOWN)

    assert len(await house.receive(marked, "delivered")) == 1

    assert await house.statuses([id]) == ["Delivered"]
    assert await jobs_of(connection) == []
    assert await house.balance() == 9


async def test_that_one_attempt_failed_says_nothing_about_the_next(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark()
    await house.settle(marked, DOWN)

    assert await house.receive(marked, "failed") == []

    assert await house.statuses([id]) == ["Queued"]
    assert len(await jobs_of(connection)) == 1


async def test_a_message_that_never_left_cannot_have_arrived(db: Database) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    ref, at = Ref(house.account_id, id), house.clock.now()
    left = Left(ref, at, "wamid")
    news = [left, Delivered(ref, at), Read(ref, at), Failed(ref, at, "LOST", "It did not arrive.")]

    assert await db.transact(lambda tx: receipts.apply(tx, news, house.clock)) == []

    assert await house.statuses([id]) == ["Queued"]


async def test_the_next_of_a_chain_goes_once_a_receipt_settled_the_first(db: Database) -> None:
    house = await House(db).open()
    first, second = await house.accept(PLAIN, PLAIN)
    (marked,) = await house.mark()
    assert await house.mark() == [], "it waits for the first"

    await house.receive(marked, "delivered")

    (following,) = await house.mark()
    assert (marked.claimed.text.id, following.claimed.text.id) == (first, second)


async def test_news_of_a_message_that_is_not_there_harms_nobody(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    gone, here = await house.accept(PLAIN, "27829876543")
    marked = {each.claimed.text.id: each for each in await house.mark()}
    await connection.execute("delete from messages where id = $1", gone)

    await house.receive(marked[gone], "delivered")
    await house.receive(marked[here], "delivered")

    assert await house.statuses([here]) == ["Delivered"]


async def test_proof_that_it_left_is_as_good_as_the_answer_that_was_lost(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN)
    (marked,) = await house.mark(may_repeat=False)
    await house.settle(marked, LOST)

    assert len(await house.receive(marked, "left", "left")) == 1

    (state,) = await house.states([id])
    assert (state.status, state.provider_id) == ("Sent", "wamid")
    assert state.sent_at is not None
    assert await jobs_of(connection) == []
    assert (await told(connection, id))[-1] == "message.sent"
    assert await house.balance() == 9
