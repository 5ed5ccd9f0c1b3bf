"""Statuses under whatever can happen, in any order and number, against the published page."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.support.stage import CREDITS, News, Stage, World
from tests.support.story import TRIES, WAIT, Answer, Policy, Send, Story
from waypost.devices.leases import Lease
from waypost.drivers.port import Accepted, DeviceDown, NotSent, Outcome, Refused, Retry, Unknown
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed, Marked

Fate = tuple[Answer, bool]

NUMBERS = ["27821234567", "27829876543", "27823456789", "27825556677"]
MOST_BATCHES = 5

SOON, LATER = timedelta(seconds=30), timedelta(hours=9)
LIFETIMES = [LATER, timedelta(seconds=200)]
TIMES = [timedelta(seconds=n) for n in (0, 20, 65)]
POLICIES: list[Policy] = ["hold", "resend", "fail"]
SAID = [Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED]
NEWS: list[News] = ["left", "delivered", "read", "failed"]

ANSWERS: dict[Answer, Outcome] = {
    "accepted": Accepted("wamid"),
    "refused": Refused("NOT_ON_WHATSAPP", "Not there."),
    "fault": Retry("FAULT", "Busy.", WAIT),
    "worn": Retry("FAULT", "Busy.", WAIT, tries=TRIES),
    "busy": Retry("FAULT", "Busy.", WAIT, counts=False),
    "down": DeviceDown("It is away."),
    "unsent": NotSent("The lease was over."),
    "unknown": Unknown("The answer never came."),
}

# What the transport will say of a send, and whether it arrived.
FATES: list[Fate] = [
    ("accepted", True),
    ("refused", False),
    ("fault", False),
    ("worn", False),
    ("busy", False),
    ("down", False),
    ("unsent", False),
    *[("unknown", True), ("unknown", False)] * 2,
]

DEEDS = [
    *["send"] * 6,
    *["falter", "hear"] * 4,
    *["accept", "succeed", "pause"] * 2,
    *["cancel", "resume", "resolve", "follow"],
]


@dataclass(frozen=True)
class Batch:
    """Messages that were accepted together."""

    id: UUID
    stories: list[Story]


@dataclass(frozen=True)
class Claims:
    """What a worker claimed, and has not acted on."""

    lease: Lease
    claimed: list[Claimed]


@dataclass(frozen=True, eq=False)
class Flight:
    """A send, and who made it."""

    lease: Lease
    marked: Marked
    story: Story
    send: Send


class Messages(RuleBasedStateMachine):
    """An account's messages, sent by workers that freeze and die, on transports of both kinds."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.stage = Stage(world)
        self.stories: dict[UUID, Story] = {}
        self.batches: list[Batch] = []
        self.claims: list[Claims] = []
        self.flights: list[Flight] = []
        self.untold: list[Flight] = []

    @initialize(policy=st.sampled_from(POLICIES))
    def begin(self, policy: Policy) -> None:
        self.set_policy(policy)
        self.take_in(LATER, None)

    # Of several rules Hypothesis leaves out some, to have more of the others. These are of use
    # together alone.
    @rule(data=st.data(), deed=st.sampled_from(DEEDS))
    def go_on(self, data: st.DataObject, deed: str) -> None:
        getattr(self, deed)(data)

    # What people do.

    def accept(self, data: st.DataObject) -> None:
        if len(self.batches) < MOST_BATCHES:
            ahead = data.draw(st.sampled_from([None, None, SOON]))
            self.take_in(data.draw(st.sampled_from(LIFETIMES)), ahead)

    def take_in(self, lifetime: timedelta, ahead: timedelta | None) -> None:
        self.stage.clock.advance(timedelta(milliseconds=1))  # ids grow
        now = self.stage.clock.now()
        send_at = None if ahead is None else now + ahead
        answer = self.stage.accept(NUMBERS, send_at, lifetime)
        assert answer.batch_id is not None
        stories = [Story(id, send_at, (send_at or now) + lifetime) for id in answer.ids]
        self.batches.append(Batch(answer.batch_id, stories))
        self.stories |= {story.id: story for story in stories}

    def cancel(self, data: st.DataObject) -> None:
        story = self.any_story(data)
        self.stage.cancel(story.id)
        story.cancel()

    def pause(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(self.batches))
        self.stage.pause(batch.id)
        for story in batch.stories:
            story.pause()

    def resume(self, data: st.DataObject) -> None:
        # Who resumes in the moment between a claim and its mark leaves a job too many behind, which
        # then finds its message past it.
        if not self.claims:
            batch = data.draw(st.sampled_from(self.batches))
            self.stage.resume(batch.id)
            for story in batch.stories:
                story.resume()

    def resolve(self, data: st.DataObject) -> None:
        story, said = self.any_story(data), data.draw(st.sampled_from(SAID))
        self.stage.resolve(story.id, said)
        story.resolve(said)

    def follow(self, data: st.DataObject) -> None:
        self.set_policy(data.draw(st.sampled_from(POLICIES)))

    def set_policy(self, policy: Policy) -> None:
        self.policy = policy
        self.stage.follow(policy)

    # What workers do.

    def send(self, data: st.DataObject) -> None:
        """After a while, what is due is claimed and sent at once, and perhaps answered at once."""
        self.let_pass(data.draw(st.sampled_from(TIMES)))
        before = len(self.flights)
        self.work(self.claim(), fates(data), drops_repeats=data.draw(st.booleans()))
        if data.draw(st.booleans()):
            self.tell(self.flights[before:])

    def falter(self, data: st.DataObject) -> None:
        """A worker stops after its claims, or goes on with what it claimed before."""
        if all(claims.lease != self.stage.lease for claims in self.claims):
            self.claims.append(self.claim())
            return
        claims = data.draw(st.sampled_from(self.claims))
        self.claims.remove(claims)
        drops_repeats, is_careless = data.draw(st.booleans()), data.draw(st.booleans())
        self.work(claims, fates(data), drops_repeats=drops_repeats, is_careless=is_careless)

    def succeed(self, _: st.DataObject) -> None:
        self.stage.take_over()

    def let_pass(self, time: timedelta) -> None:
        rung = self.stage.let_pass(time)
        now = self.stage.clock.now()
        rows = self.stage.found() if rung.expired else []
        expired = {row["id"] for row in rows if row["status"] == "Expired"}
        for story in self.stories.values():
            # What was on the wire at its deadline is looked at again a minute later.
            if not story.sends or story.id in expired:
                story.expire(now)
            story.queue(now)

    def claim(self) -> Claims:
        return Claims(self.stage.lease, self.stage.claim())

    def work(
        self,
        claims: Claims,
        fate: Callable[[], Fate],
        *,
        drops_repeats: bool,
        is_careless: bool = False,
    ) -> None:
        now = self.stage.clock.now()
        late: list[Claimed] = []
        lost: list[Claimed] = []
        due: list[Claimed] = []
        for each in claims.claimed:
            is_queued = each.text.status is Status.QUEUED
            if is_queued and each.text.expires_at <= now:
                late.append(each)
            elif is_queued or is_careless or (drops_repeats and not each.waits_for_news(now)):
                due.append(each)
            else:
                lost.append(each)
        if late:
            self.stage.expire(late)
            for story in self.of(late):
                story.expire(now)
        if lost:
            self.stage.look(claims.lease, lost)
            for story in self.of(lost):
                story.look(now, self.policy)
        if due:
            self.mark(claims.lease, due, fate, drops_repeats)

    def mark(
        self, lease: Lease, due: Sequence[Claimed], fate: Callable[[], Fate], drops_repeats: bool
    ) -> None:
        marked = self.stage.mark(lease, due, drops_repeats=drops_repeats)
        may = [story for story in self.of(due) if story.may_be_sent(drops_repeats=drops_repeats)]
        sent = may if lease == self.stage.lease else []
        assert [each.claimed.text.id for each in marked] == [story.id for story in sent]
        for each, story in zip(marked, sent, strict=True):
            answer, arrived = fate()
            send = Send(len(story.sends) + 1, each.is_repeat, drops_repeats, answer, arrived)
            story.send(send, self.stage.clock.now())
            flight = Flight(lease, each, story, send)
            self.flights.append(flight)
            self.untold.append(flight)

    # What transports tell.

    def hear(self, data: st.DataObject) -> None:
        """An answer or a receipt comes, be it late, known, or nonsense."""
        match data.draw(st.sampled_from(["late answer", "any answer", "receipt", "receipt"])):
            case "late answer" if self.untold:
                self.tell([data.draw(st.sampled_from(self.untold))])
            case "any answer" if self.flights:
                self.tell([data.draw(st.sampled_from(self.flights))])
            case _:
                self.receive(data)

    def receive(self, data: st.DataObject) -> None:
        stories = list(self.stories.values())
        likely = [story for story in stories if story.sends and story.is_open]
        story = data.draw(st.sampled_from(likely or stories))
        marks = st.integers(0, len(story.sends))
        told = st.tuples(st.sampled_from(NEWS), marks)
        news = data.draw(st.lists(told, min_size=1, max_size=3))
        self.stage.receive(story.id, news)
        for each, mark in news:
            story.hear(each, mark)

    def tell(self, flights: Sequence[Flight]) -> None:
        for flight in flights:
            self.stage.settle(flight.lease, flight.marked, ANSWERS[flight.send.answer])
            flight.story.answered(flight.send, self.stage.clock.now())
        self.untold = [flight for flight in self.untold if flight not in flights]

    # What must hold after each of these.

    @invariant()
    def everything_agrees(self) -> None:
        rows = self.stage.found()
        assert {row["id"] for row in rows} == set(self.stories)
        for row in rows:
            story = self.stories[row["id"]]
            assert row["status"] == story.status
            assert row["told"] == story.facts
            assert row["numbers"] == list(range(1, row["facts"] + 1))
            assert (row["mark"], row["attempts"]) == (len(story.sends), story.attempts)
            assert row["refunds"] == story.refunds <= 1
            assert row["jobs"] == story.is_to_be_sent, "what is to be sent has one job"
            assert story.copies <= 1 + story.resends, "it went twice by our doing"
        paid = sum(1 - story.refunds for story in self.stories.values())
        assert self.stage.books() == (CREDITS - paid, CREDITS - paid)

    def teardown(self) -> None:
        """Nothing is stranded: all comes to rest, but what is paused."""
        rounds = 0
        while sys.exception() is None and any(story.is_open for story in self.stories.values()):
            rounds += 1
            assert rounds < 10, "it does not come to rest"
            self.let_pass(timedelta(seconds=100))
            self.stage.take_over()
            before = len(self.flights)
            self.work(self.claim(), lambda: ("accepted", True), drops_repeats=True)
            self.tell(self.flights[before:])
            self.everything_agrees()

    def any_story(self, data: st.DataObject) -> Story:
        return data.draw(st.sampled_from(list(self.stories.values())))

    def of(self, claimed: Sequence[Claimed]) -> list[Story]:
        return [self.stories[each.text.id] for each in claimed]


def fates(data: st.DataObject) -> Callable[[], Fate]:
    return lambda: data.draw(st.sampled_from(FATES))


@pytest.mark.timeout(600)  # to find the shortest way to a fault takes its time
def test_whatever_happens_messages_follow_the_published_table(database_url: str) -> None:
    """Nothing is undone, refunded twice, sent twice by our doing, or stranded."""
    with World.opened(database_url) as world:
        run_state_machine_as_test(
            lambda: Messages(world),
            settings=settings(
                max_examples=50,
                stateful_step_count=30,
                deadline=None,
                print_blob=True,
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )
