"""Outcomes are written once, by who holds the mark, with the refund and the job in one commit."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import DAY, DOWN, PLAIN, UNCERTAIN_AFTER, House, jobs_of, told
from waypost.drivers.port import Accepted, DeviceDown, NotSent, Outcome, Refused, Retry, Unknown
from waypost.kit.db import Database
from waypost.messages.outcomes import Claimed, Marked
from waypost.messages.settle import expire

OTHER = UUID(int=2)
ACCEPTED = Accepted("wamid")
REFUSED = Refused("NOT_ON_WHATSAPP", "Not there.")
BUSY = Retry("FAULT", "Busy.")
UNKNOWN = Unknown("The answer never came.")
NOT_SENT = NotSent("The lease was over.")
SECOND = "27829876543"
HELD = Retry("131056", "Too fast for them.", timedelta(seconds=16), counts=False)
OFTEN = Retry("131000", "Strange.", timedelta(0), tries=3)
IDS = "select provider_id, device_id, account_id, message_id, mark from provider_ids"
ALL = [ACCEPTED, REFUSED, BUSY, HELD, DOWN, UNKNOWN, NOT_SENT]


async def one_marked(
    house: House, *, lifetime: timedelta = DAY, may_repeat: bool = True
) -> tuple[UUID, Marked]:
    (id,) = await house.accept(PLAIN, lifetime=lifetime)
    (marked,) = await house.mark(may_repeat=may_repeat)
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


@pytest.mark.parametrize("outcome", [DOWN, NOT_SENT])
async def test_what_the_message_is_not_to_blame_for_hands_it_back_at_once_and_counts_no_attempt(
    db: Database, connection: asyncpg.Connection, outcome: DeviceDown | NotSent
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)

    await house.settle(marked, outcome)

    (state,) = await house.states([id])
    assert (state.status, state.attempts) == ("Queued", 0)
    (job,) = await jobs_of(connection)
    assert job["status"] == "queued"
    assert job["wait"] <= timedelta(0)


async def test_a_fault_that_is_not_the_messages_makes_it_wait_and_counts_no_attempt(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)

    await house.settle(marked, HELD)

    (state,) = await house.states([id])
    assert (state.status, state.attempts, state.mark) == ("Queued", 0, 1)
    (job,) = await jobs_of(connection)
    assert timedelta(seconds=10) < job["wait"] <= timedelta(seconds=16)


async def test_a_fault_that_may_happen_three_times_fails_the_message_at_the_third(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    id, marked = await one_marked(house)

    await house.settle(marked, OFTEN)
    (again,) = await house.mark()
    await house.settle(again, replace(OFTEN, counts=False))
    (again,) = await house.mark()
    await house.settle(again, OFTEN)
    assert await house.statuses([id]) == ["Queued"]
    (last,) = await house.mark()
    await house.settle(last, OFTEN)

    (state,) = await house.states([id])
    assert (state.status, state.error_code, state.attempts) == ("Failed", "131000", 3)
    assert await house.balance() == 10
    assert await jobs_of(connection) == []


async def test_the_id_that_the_provider_chose_is_known_from_then_on(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    await house.accept(PLAIN, SECOND)
    theirs, ours = await house.mark(device_id=7)
    answers = [(theirs, Accepted("wamid.A")), (ours, Accepted(ours.provider_id))]

    await house.settle_all(answers)
    await house.settle_all(answers)

    (row,) = await connection.fetch(IDS)
    assert tuple(row) == ("wamid.A", 7, *theirs.claimed.key, 1)


async def test_a_late_answer_of_a_lost_mark_tells_the_providers_id_of_that_send(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, lost = await one_marked(house)
    await house.abandon()
    (held,) = await house.mark(owner=OTHER)

    await house.settle(lost, Accepted("wamid.A"))
    await house.settle(held, Accepted("wamid.B"), owner=OTHER)

    told = {row["provider_id"]: row["mark"] for row in await connection.fetch(IDS)}
    assert told == {"wamid.A": 1, "wamid.B": 2}
    (state,) = await house.states([id])
    assert state.provider_id == "wamid.B"


async def test_without_an_answer_it_goes_again_under_the_same_id_where_repeats_are_dropped(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)

    await house.settle(marked, UNKNOWN)

    assert await house.statuses([id]) == ["Sending"]
    (job,) = await jobs_of(connection)
    assert job["status"] == "queued"
    assert timedelta(0) < job["wait"] <= timedelta(seconds=1)
    await hurry(connection)
    (again,) = await house.mark()
    assert (again.provider_id, again.is_repeat) == (marked.provider_id, True)


async def test_without_an_answer_it_waits_for_news_where_repeats_would_arrive(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house, may_repeat=False)

    await house.settle(marked, UNKNOWN)

    assert await house.statuses([id]) == ["Sending"]
    (job,) = await jobs_of(connection)
    assert job["status"] == "queued"
    assert timedelta(seconds=50) < job["wait"] <= UNCERTAIN_AFTER


@pytest.mark.parametrize("outcome", [DOWN, BUSY, NOT_SENT])
async def test_that_a_repeat_did_not_go_does_not_bring_it_back_to_the_queue(
    db: Database, connection: asyncpg.Connection, outcome: Outcome
) -> None:
    house = await House(db).open()
    id, first = await one_marked(house)
    await house.settle(first, UNKNOWN)
    await hurry(connection)
    (repeat,) = await house.mark()

    await house.settle(repeat, outcome)

    assert await house.statuses([id]) == ["Sending"]
    await hurry(connection)
    assert await house.mark(may_repeat=False) == [], "it may have left the first time"


async def test_what_comes_back_while_its_batch_is_paused_waits_without_a_job(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open()
    id, marked = await one_marked(house)
    await connection.execute("update messages set is_held = true")

    await house.settle(marked, DOWN)

    assert await house.statuses([id]) == ["Queued"]
    assert await jobs_of(connection) == []


@pytest.mark.parametrize("outcome", ALL)
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


@pytest.mark.parametrize("outcome", ALL)
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


async def test_a_mark_that_was_never_committed_is_not_taken_for_the_next_one(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    id, held = await one_marked(house)
    lost = replace(held, at=held.at - timedelta(microseconds=1))

    assert await house.settle(lost, NOT_SENT) == []

    assert await house.statuses([id]) == ["Sending"]
    assert [job["status"] for job in await jobs_of(connection)] == ["picked"]


async def test_what_was_claimed_too_late_expires_and_is_refunded_once(
    db: Database, connection: asyncpg.Connection
) -> None:
    house = await House(db).open(credits=10)
    ids = await house.accept(PLAIN, SECOND, lifetime=timedelta(0))
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
        await house.accept(PLAIN, SECOND)
    marked = await houses[0].mark()
    outcomes = {id: [REFUSED, ACCEPTED] for id in (5, 3, 9, 1)}

    await houses[0].settle_all([(m, outcomes[m.claimed.key[0]].pop()) for m in marked])

    assert [await house.balance() for house in houses] == [9, 9, 9, 9]


async def hurry(connection: asyncpg.Connection) -> None:
    """Let every job that waits for its time be due."""
    await connection.execute("update pgqueuer set execute_after = now()")
