"""Outcomes are written once, by who holds the mark, with the refund and the job in one commit."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.messages import OWNER, PLAIN, House, facts_are_whole, jobs_of, told
from waypost.drivers.port import Accepted, DeviceDown, Outcome, Refused, Retry
from waypost.kit.db import Database
from waypost.messages.outcomes import Claimed, Marked
from waypost.messages.settle import expire

OTHER = UUID(int=2)
ACCEPTED = Accepted("wamid")
REFUSED = Refused("NOT_ON_WHATSAPP", "Not there.")
BUSY = Retry("FAULT", "Busy.")


async def one_marked(house: House, **options: timedelta) -> tuple[UUID, Marked]:
    (id,) = await house.accept(PLAIN, **options)
    (marked,) = await house.mark()
    return id, marked


async def test_accepted_is_sent_and_its_job_is_done(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)

    await house.settle(marked, ACCEPTED)

    (state,) = await house.states([id])
    assert (state.status, state.provider_id, state.attempts) == ("Sent", "wamid", 1)
    assert state.sent_at is not None
    assert await jobs_of(connection) == []
    assert await told(connection, id) == ["message.queued", "message.sending", "message.sent"]


async def test_refused_is_failed_with_its_reason_and_refunded(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    id, marked = await one_marked(house)

    await house.settle(marked, REFUSED)

    (state,) = await house.states([id])
    assert (state.status, state.error_code) == ("Failed", "NOT_ON_WHATSAPP")
    assert await house.balance() == 10
    assert await jobs_of(connection) == []


async def test_a_passing_fault_waits_in_the_queue_for_its_next_attempt(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)

    await house.settle(marked, BUSY)

    (state,) = await house.states([id])
    assert (state.status, state.attempts, state.device_id) == ("Queued", 1, None)
    (job,) = await jobs_of(connection)
    assert (job["status"], job["queue_manager_id"]) == ("queued", None)
    assert timedelta(0) < job["wait"] <= timedelta(seconds=1)
    assert (await told(connection, id))[-1] == "message.requeued"


async def test_a_fault_whose_next_attempt_would_come_too_late_expires_and_refunds(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    id, marked = await one_marked(house, lifetime=timedelta(seconds=0.4))

    await house.settle(marked, BUSY)

    (state,) = await house.states([id])
    assert (state.status, state.error_code) == ("Expired", "EXPIRED")
    assert await house.balance() == 10
    assert await jobs_of(connection) == []


async def test_a_device_that_was_down_hands_the_message_back_at_once_and_counts_no_attempt(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)

    await house.settle(marked, DeviceDown("gone"))

    (state,) = await house.states([id])
    assert (state.status, state.attempts) == ("Queued", 0)
    (job,) = await jobs_of(connection)
    assert job["status"] == "queued"
    assert job["wait"] <= timedelta(0)


@pytest.mark.parametrize("outcome", [ACCEPTED, REFUSED, BUSY, DeviceDown("gone")])
async def test_writing_an_outcome_twice_is_writing_it_once(
    db: Database, connection: asyncpg.Connection, outcome: Outcome
) -> None:
    house = await House(db).open(credits=10)
    id, marked = await one_marked(house)
    await house.settle(marked, outcome)
    once = await house.states([id]), await house.balance(), await told(connection, id)
    jobs = len(await jobs_of(connection))

    await house.settle(marked, outcome)

    assert (await house.states([id]), await house.balance(), await told(connection, id)) == once
    assert len(await jobs_of(connection)) == jobs


@pytest.mark.parametrize("outcome", [ACCEPTED, REFUSED, BUSY, DeviceDown("gone")])
async def test_a_late_outcome_of_a_lost_mark_changes_nothing(
    db: Database, connection: asyncpg.Connection, outcome: Outcome
) -> None:
    house = await House(db).open(credits=10)
    id, lost = await one_marked(house)
    await house.abandon()
    (held,) = await house.mark(owner=OTHER)
    before = await house.states([id]), await jobs_of(connection)

    assert await house.settle(lost, outcome) == []

    after = await house.states([id]), await jobs_of(connection)
    assert [j["status"] for j in after[1]] == ["picked"]
    assert [j["queue_manager_id"] for j in after[1]] == [OTHER]
    assert after[0] == before[0]
    await house.settle(held, ACCEPTED, owner=OTHER)
    assert await house.statuses([id]) == ["Sent"]
    assert await house.balance() == 9


async def test_what_was_claimed_too_late_expires_and_is_refunded_once(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    ids = await house.accept(PLAIN, PLAIN, lifetime=timedelta(0))
    claimed = await house.claim()

    assert await db.transact(lambda tx: expire(tx, claimed, house.clock)) == 2
    assert await db.transact(lambda tx: expire(tx, claimed, house.clock)) == 0

    assert await house.statuses(ids) == ["Expired", "Expired"]
    assert await house.balance() == 10
    assert await jobs_of(connection) == []


async def test_what_moved_on_meanwhile_does_not_expire(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    (id,) = await house.accept(PLAIN, lifetime=timedelta(0))
    (marked,) = await house.mark()
    late: list[Claimed] = [marked.claimed]

    assert await db.transact(lambda tx: expire(tx, late, house.clock)) == 0

    assert await house.statuses([id]) == ["Sending"]
    assert len(await jobs_of(connection)) == 1


async def test_many_accounts_settle_together(db: Database) -> None:
    houses = [await House(db, account_id=id).open(credits=10) for id in (5, 3, 9, 1)]
    marked = []
    for house in houses:
        await house.accept(PLAIN, PLAIN)
    marked = await houses[0].mark()
    outcomes = {id: [REFUSED, ACCEPTED] for id in (5, 3, 9, 1)}

    await houses[0].settle_all([(m, outcomes[m.claimed.key[0]].pop()) for m in marked])

    assert [await house.balance() for house in houses] == [9, 9, 9, 9]


NEWS = st.sampled_from(["delivered", "read", "failed"])
OUTCOMES = st.sampled_from([ACCEPTED, REFUSED, BUSY, DeviceDown("gone")])
STORY = st.lists(
    st.one_of(
        st.just("mark"),
        st.just("crash"),
        st.tuples(st.just("settle"), st.integers(0, 5), OUTCOMES),
        st.tuples(st.just("news"), st.integers(0, 5), NEWS),
    ),
    min_size=1,
    max_size=14,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=STORY)
async def test_whatever_happens_in_whatever_order_the_books_agree(
    db: Database, connection: asyncpg.Connection, story: list[str | tuple[str, int, object]]
) -> None:
    """Marks, crashes, outcomes (late ones too) and receipts, in any order and number."""
    await connection.execute("delete from pgqueuer; delete from messages")
    account_id = 1 + (await connection.fetchval("select count(*) from wallets"))
    house = await House(db, account_id=account_id).open(credits=10)
    ids = await house.accept(PLAIN, PLAIN)
    marks: list[Marked] = []
    for act in story:
        match act:
            case "mark":
                marks += await house.mark(owner=OWNER)
            case "crash":
                await house.abandon()
            case ("settle", int(which), Accepted() | Refused() | Retry() | DeviceDown() as outcome):
                if marks:
                    await house.settle(marks[which % len(marks)], outcome)
            case ("news", int(which), str(kind)):
                if marks:
                    await house.receive(marks[which % len(marks)], kind)

    statuses = await house.statuses(ids)
    lost = sum(status in ("Failed", "Expired") for status in statuses)
    assert await house.balance() == 10 - len(ids) + lost
    waiting = sum(status in ("Queued", "Sending") for status in statuses)
    assert len(await jobs_of(connection)) >= waiting, "a message that waits has a job"
    for id in ids:
        await facts_are_whole(connection, id)
