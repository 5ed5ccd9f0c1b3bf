"""What left and was never answered: it waits for news, and then the account's policy rules."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.support.messages import (
    DAY,
    DOWN,
    OWNER,
    PLAIN,
    UNCERTAIN_AFTER,
    House,
    facts_are_whole,
    jobs_of,
    told,
)
from tests.support.people import opened
from waypost.accounts import directory
from waypost.accounts.model import Changes, OnUncertain
from waypost.drivers.port import Accepted, NotSent, Outcome, Refused, Retry, Unknown
from waypost.kit.clock import FrozenClock
from waypost.kit.db import Database
from waypost.messages import uncertain
from waypost.messages.model import Status
from waypost.messages.outcomes import Marked
from waypost.messages.resolve import resolve

OTHER = UUID(int=2)
CREDITS = 10
SECOND = timedelta(seconds=1)
ACCEPTED = Accepted("wamid")
REFUSED = Refused("NOT_ON_WHATSAPP", "Not there.")
UNKNOWN = Unknown("The answer never came.")
NOT_SENT = NotSent("The lease was over.")


class Lost(House):
    """A house whose sends get no answer, on a transport that does not drop repeats."""

    clock: FrozenClock

    async def lose(self, *numbers: str, lifetime: timedelta = DAY) -> list[Marked]:
        """Messages that were sent, and not answered."""
        await self.accept(*numbers, lifetime=lifetime)
        marked = await self.mark(may_repeat=False)
        await self.settle_all([(each, UNKNOWN) for each in marked])
        return marked

    async def look(self, connection: asyncpg.Connection) -> int:
        """What a worker does with the jobs of messages that it must not send again."""
        await connection.execute("update pgqueuer set execute_after = now()")
        claimed = await self.claim()
        assert all(each.waits_for_news(self.clock.now()) for each in claimed)
        return await self.db.transact(
            lambda tx: uncertain.look(tx, OWNER, claimed, self.clock, UNCERTAIN_AFTER)
        )

    async def give_up(self, connection: asyncpg.Connection) -> None:
        """Let the time for news pass, and look."""
        self.clock.advance(UNCERTAIN_AFTER)
        assert await self.look(connection)

    async def resolve(self, id: UUID, outcome: Status) -> bool:
        return await self.db.transact(
            lambda tx: resolve(tx, self.account_id, id, outcome, self.clock)
        )


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime.now(UTC))


@pytest.fixture
async def house(db: Database, clock: FrozenClock) -> Lost:
    account = await opened(db, "john", credits=CREDITS)
    return Lost(db, account_id=account.id, clock=clock)


async def rule(house: House, on_uncertain: OnUncertain) -> None:
    changes = Changes(on_uncertain=on_uncertain)
    now = house.clock.now()
    await house.db.transact(lambda tx: directory.change(tx, house.account_id, changes, now))


async def test_before_its_time_it_stays_sending_and_its_job_comes_again(
    house: Lost, connection: asyncpg.Connection
) -> None:
    (lost,) = await house.lose(PLAIN)
    house.clock.advance(UNCERTAIN_AFTER - SECOND)

    assert await house.look(connection) == 0

    assert await house.statuses([id_of(lost)]) == ["Sending"]
    (job,) = await jobs_of(connection)
    assert job["status"] == "queued"
    assert timedelta(0) < job["wait"] <= SECOND


async def test_the_next_message_to_the_recipient_waits_as_long(
    house: Lost, connection: asyncpg.Connection
) -> None:
    (lost,) = await house.lose(PLAIN)
    (following,) = await house.accept(PLAIN)
    assert await house.mark() == []

    await house.give_up(connection)

    (marked,) = await house.mark()
    assert id_of(marked) == following
    assert await house.statuses([id_of(lost)]) == ["Uncertain"]


async def test_what_is_held_has_no_job_and_costs_its_credit(
    house: Lost, connection: asyncpg.Connection
) -> None:
    (lost,) = await house.lose(PLAIN)

    await house.give_up(connection)

    assert await house.statuses([id_of(lost)]) == ["Uncertain"]
    assert await jobs_of(connection) == []
    assert await house.balance() == CREDITS - 1
    assert (await told(connection, id_of(lost)))[1:] == ["message.sending", "message.uncertain"]


async def test_resend_sends_it_again_before_what_came_after_it(
    house: Lost, connection: asyncpg.Connection
) -> None:
    await rule(house, "resend")
    (lost,) = await house.lose(PLAIN)
    await house.accept(PLAIN)

    await house.give_up(connection)

    assert await house.statuses([id_of(lost)]) == ["Queued"]
    (again,) = await house.mark(may_repeat=False)
    assert id_of(again) == id_of(lost)
    assert (again.mark, again.attempt, again.is_repeat) == (2, 2, False)
    assert (await told(connection, id_of(lost)))[2:] == [
        "message.uncertain",
        "message.requeued",
        "message.sending",
    ]
    assert await house.balance() == CREDITS - 2


async def test_resend_holds_what_has_no_time_left(
    house: Lost, connection: asyncpg.Connection
) -> None:
    await rule(house, "resend")
    (lost,) = await house.lose(PLAIN, lifetime=UNCERTAIN_AFTER)

    await house.give_up(connection)

    assert await house.statuses([id_of(lost)]) == ["Uncertain"]
    assert await jobs_of(connection) == []


async def test_fail_refunds_it_and_keeps_later_news_as_a_fact(
    house: Lost, connection: asyncpg.Connection
) -> None:
    await rule(house, "fail")
    (lost,) = await house.lose(PLAIN)

    await house.give_up(connection)

    (state,) = await house.states([id_of(lost)])
    assert (state.status, state.error_code) == ("Failed", "UNCERTAIN")
    assert await house.balance() == CREDITS
    assert await jobs_of(connection) == []

    await house.receive(lost, "delivered", "delivered")
    await house.settle(lost, ACCEPTED)
    (state,) = await house.states([id_of(lost)])
    assert (state.status, state.error_code) == ("Failed", "UNCERTAIN")
    assert None not in (state.sent_at, state.delivered_at)
    assert (await told(connection, id_of(lost)))[2:] == [
        "message.uncertain",
        "message.failed",
        "message.delivered",
        "message.sent",
    ]
    await facts_are_whole(connection, id_of(lost))
    assert await house.balance() == CREDITS


async def test_each_accounts_own_policy_rules(house: Lost, connection: asyncpg.Connection) -> None:
    policies: Sequence[OnUncertain] = ("hold", "resend", "fail")
    lost = []
    for policy in policies:
        account = await opened(house.db, policy, credits=CREDITS)
        other = Lost(house.db, account_id=account.id, clock=house.clock)
        await rule(other, policy)
        await other.accept(PLAIN)
        lost.append(other)
    marked = await house.mark(may_repeat=False)
    await house.settle_all([(each, UNKNOWN) for each in marked])

    await house.give_up(connection)

    ids = {each.claimed.text.account_id: id_of(each) for each in marked}
    found = [await other.statuses([ids[other.account_id]]) for other in lost]
    assert found == [["Uncertain"], ["Queued"], ["Failed"]]
    assert [await other.balance() for other in lost] == [CREDITS - 1, CREDITS - 1, CREDITS]


async def test_what_a_dead_worker_had_sent_is_given_up_as_well(
    house: Lost, connection: asyncpg.Connection
) -> None:
    await house.accept(PLAIN)
    (dead,) = await house.mark(owner=OTHER, may_repeat=False)
    await house.abandon()

    await house.give_up(connection)

    assert await house.statuses([id_of(dead)]) == ["Uncertain"]


async def test_what_moved_on_before_the_look_is_left_alone(
    house: Lost, connection: asyncpg.Connection
) -> None:
    lost = await house.lose(PLAIN, "27829876543", "27823456789")
    house.clock.advance(UNCERTAIN_AFTER)
    await connection.execute("update pgqueuer set execute_after = now()")
    claimed = await house.claim()
    await house.settle(lost[0], ACCEPTED)
    await house.settle(lost[1], DOWN)
    await house.receive(lost[2], "delivered")

    looked = await house.db.transact(
        lambda tx: uncertain.look(tx, OWNER, claimed, house.clock, UNCERTAIN_AFTER)
    )

    assert looked == 0
    assert await house.statuses([id_of(each) for each in lost]) == ["Sent", "Queued", "Delivered"]
    (job,) = await jobs_of(connection)
    assert (job["status"], job["wait"] <= timedelta(0)) == ("queued", True)


async def test_what_is_to_be_resent_and_was_paused_waits_without_a_job(
    house: Lost, connection: asyncpg.Connection
) -> None:
    await rule(house, "resend")
    (lost,) = await house.lose(PLAIN)
    await connection.execute("update messages set is_held = true")

    await house.give_up(connection)

    assert await house.statuses([id_of(lost)]) == ["Queued"]
    assert await jobs_of(connection) == []


LATE: Sequence[tuple[Outcome, str, int]] = [
    (ACCEPTED, "Sent", CREDITS - 1),
    (REFUSED, "Failed", CREDITS),
    (Retry("FAULT", "Busy."), "Failed", CREDITS),
    (DOWN, "Failed", CREDITS),
    (NOT_SENT, "Failed", CREDITS),
    (UNKNOWN, "Uncertain", CREDITS - 1),
]


@pytest.mark.parametrize(("outcome", "status", "balance"), LATE)
async def test_a_late_answer_settles_it(
    house: Lost,
    connection: asyncpg.Connection,
    outcome: Outcome,
    status: str,
    balance: int,
) -> None:
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)

    for _ in range(2):
        await house.settle(lost, outcome)

    assert await house.statuses([id_of(lost)]) == [status]
    assert await house.balance() == balance
    await facts_are_whole(connection, id_of(lost))


async def test_that_it_never_left_is_told_by_its_code(
    house: Lost, connection: asyncpg.Connection
) -> None:
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)

    await house.settle(lost, NOT_SENT)

    (state,) = await house.states([id_of(lost)])
    assert (state.status, state.error_code) == ("Failed", "NOT_SENT")


@pytest.mark.parametrize(
    ("kind", "status", "balance"),
    [
        ("left", "Sent", CREDITS - 1),
        ("delivered", "Delivered", CREDITS - 1),
        ("read", "Read", CREDITS - 1),
        ("failed", "Failed", CREDITS),
    ],
)
async def test_a_receipt_settles_it(
    house: Lost, connection: asyncpg.Connection, kind: str, status: str, balance: int
) -> None:
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)

    await house.receive(lost, kind, kind)

    assert await house.statuses([id_of(lost)]) == [status]
    assert await house.balance() == balance
    await facts_are_whole(connection, id_of(lost))


async def test_what_waits_to_be_resent_is_not_when_its_answer_comes_after_all(
    house: Lost, connection: asyncpg.Connection
) -> None:
    await rule(house, "resend")
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)

    await house.settle(lost, ACCEPTED)

    (state,) = await house.states([id_of(lost)])
    assert (state.status, state.device_id, state.provider_id) == ("Sent", 1, "wamid")
    assert await jobs_of(connection) == []
    assert await house.mark() == []


@pytest.mark.parametrize("kind", ["left", "delivered", "read"])
async def test_what_waits_to_be_resent_is_not_when_news_of_the_first_send_comes(
    house: Lost, connection: asyncpg.Connection, kind: str
) -> None:
    await rule(house, "resend")
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)

    await house.receive(lost, kind)

    assert (await house.statuses([id_of(lost)]))[0] in ("Sent", "Delivered", "Read")
    assert await jobs_of(connection) == []
    assert await house.mark() == []


@pytest.mark.parametrize("knows_mark", [True, False], ids=["says-which", "does-not-say"])
async def test_that_the_first_of_two_sends_failed_counts_unless_it_is_known_to_be_the_first(
    house: Lost, connection: asyncpg.Connection, knows_mark: bool
) -> None:
    await rule(house, "resend")
    (first,) = await house.lose(PLAIN)
    await house.give_up(connection)
    (second,) = await house.mark(may_repeat=False)
    await house.settle(second, ACCEPTED)

    await house.receive(first, "failed", knows_mark=knows_mark)
    assert await house.statuses([id_of(first)]) == ["Sent" if knows_mark else "Failed"]

    await house.receive(second, "failed")
    assert await house.statuses([id_of(first)]) == ["Failed"]
    assert await house.balance() == CREDITS


@pytest.mark.parametrize("outcome", [REFUSED, DOWN, NOT_SENT, UNKNOWN])
async def test_what_waits_to_be_resent_is_resent_when_the_late_answer_is_no(
    house: Lost, connection: asyncpg.Connection, outcome: Outcome
) -> None:
    await rule(house, "resend")
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)

    assert await house.settle(lost, outcome) == []

    (again,) = await house.mark()
    assert (id_of(again), again.attempt) == (id_of(lost), 2)


@pytest.mark.parametrize(
    ("outcome", "balance"),
    [
        (Status.SENT, CREDITS - 1),
        (Status.DELIVERED, CREDITS - 1),
        (Status.READ, CREDITS - 1),
        (Status.FAILED, CREDITS),
    ],
)
async def test_a_person_settles_it_once(
    house: Lost, connection: asyncpg.Connection, outcome: Status, balance: int
) -> None:
    (lost,) = await house.lose(PLAIN)
    assert not await house.resolve(id_of(lost), outcome), "it is not uncertain yet"
    await house.give_up(connection)

    assert await house.resolve(id_of(lost), outcome)
    assert not await house.resolve(id_of(lost), Status.FAILED)

    assert await house.statuses([id_of(lost)]) == [outcome]
    assert await house.balance() == balance
    facts = await told(connection, id_of(lost))
    assert facts[-1] == f"message.{outcome.lower()}"
    await facts_are_whole(connection, id_of(lost))


async def test_a_message_that_is_not_the_accounts_cannot_be_resolved(
    house: Lost, connection: asyncpg.Connection
) -> None:
    (lost,) = await house.lose(PLAIN)
    await house.give_up(connection)
    other = Lost(house.db, account_id=house.account_id + 1, clock=house.clock)

    assert not await other.resolve(id_of(lost), Status.FAILED)

    assert await house.statuses([id_of(lost)]) == ["Uncertain"]


def id_of(marked: Marked) -> UUID:
    return marked.claimed.text.id
