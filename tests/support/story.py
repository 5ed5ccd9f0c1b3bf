"""How a message's story goes: a model that knows the published page, and nothing of the code."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

PAGE = (Path(__file__).parents[2] / "docs" / "statuses.md").read_text("utf-8")
TABLE = PAGE[PAGE.index("## The steps") :]
ROW = re.compile(r"^\| `(\w+)` \|[^|]*\|[^|]*\|([^|]*)\|([^|]*)\|$", re.MULTILINE)

PATIENCE = timedelta(seconds=60)
"""How long an answer is waited for."""

WAIT = timedelta(seconds=10)
"""How long the transport of these stories wants to be left alone after a fault."""

TRIES = 2
"""How often a fault of the kind that wears out may happen to a message."""

Answer = Literal["accepted", "refused", "fault", "worn", "busy", "down", "unsent", "unknown"]
Policy = Literal["hold", "resend", "fail"]

ENDS = ("Failed", "Cancelled", "Expired")


def published() -> dict[tuple[str, str], bool]:
    """The steps of the page, each with whether it refunds."""
    steps = {}
    for before, free, refunded in ROW.findall(TABLE):
        for after in re.findall(r"`(\w+)`", free):
            steps[before, after] = False
        for after in re.findall(r"`(\w+)`", refunded):
            steps[before, after] = True
    return steps


STEPS = published()


@dataclass(frozen=True)
class Send:
    """One time that a message went to the wire: what the transport did with it, and will say.

    `drops_repeats`: a second one of the same id does not arrive there.
    """

    number: int
    is_repeat: bool
    drops_repeats: bool
    answer: Answer
    arrived: bool


@dataclass
class Story:
    """One message."""

    id: UUID
    send_at: datetime | None
    expires_at: datetime
    status: str = "Queued"
    is_held: bool = False
    facts: list[str] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    attempts: int = 0
    sent_last: datetime | None = None
    refunds: int = 0
    resends: int = 0
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.send_at is not None:
            self.status = "Scheduled"
        self.facts.append(self.status.lower())

    @property
    def is_to_be_sent(self) -> bool:
        """Whether the queue must hold it."""
        return self.status == "Sending" or (self.status == "Queued" and not self.is_held)

    @property
    def is_open(self) -> bool:
        """Whether something is still to come of it, unless it is paused."""
        return self.status in ("Scheduled", "Queued", "Sending") and not self.is_held

    @property
    def copies(self) -> int:
        """How many arrived."""
        once = any(send.arrived for send in self.sends if send.drops_repeats)
        return once + sum(send.arrived for send in self.sends if not send.drops_repeats)

    def go(self, to: str, fact: str | None = None) -> None:
        """A step, which must be in the published table."""
        assert (self.status, to) in STEPS, f"{self.status} → {to} is not published"
        self.refunds += STEPS[self.status, to]
        self.status = to
        self.facts.append(fact or to.lower())

    def send(self, send: Send, now: datetime) -> None:
        """It goes to the wire."""
        assert send.is_repeat == (self.status == "Sending")
        if send.is_repeat:
            self.facts.append("sending")
        else:
            self.go("Sending")
        self.sends.append(send)
        self.attempts += 1
        self.sent_last = now

    def may_be_sent(self, *, drops_repeats: bool) -> bool:
        """Whether it waits to be sent, or was, and a repeat cannot arrive."""
        if self.status == "Sending":
            return drops_repeats and self.sends[-1].drops_repeats
        return self.status == "Queued" and not self.is_held

    def answered(self, send: Send, now: datetime) -> None:
        """The answer to a send comes, be it late or again; only that to the last one counts."""
        if send.number != len(self.sends):
            return
        match send.answer:
            case "accepted":
                self._left()
            case "refused" if self.status in ("Sending", "Uncertain"):
                self.go("Failed")
            case "fault" | "worn" | "busy" | "down" | "unsent" if not send.is_repeat:
                self._did_not_go(send.answer, now)

    def _left(self) -> None:
        if self.status in ("Queued", "Sending", "Uncertain"):
            self.go("Sent")
        elif self.status in ENDS and "sent" not in self.known:
            self.facts.append("sent")
        self.known.add("sent")

    def _did_not_go(self, answer: Answer, now: datetime) -> None:
        must_wait = answer in ("fault", "worn", "busy")
        if self.status == "Uncertain":
            self.go("Failed")
        elif self.status != "Sending":
            return
        elif answer == "worn" and self.attempts >= TRIES:
            self.go("Failed")
        elif must_wait and now + WAIT >= self.expires_at:
            self.go("Expired")
        else:
            self.go("Queued", "requeued")
            self.attempts -= answer not in ("fault", "worn")

    def hear(self, news: str, mark: int) -> None:
        """A receipt comes, of the send of this number; 0 where it does not say of which."""
        if not self.sends or news in self.known:
            return
        if news == "left":
            self._left()
            return
        if news == "failed":
            is_of_last = mark in (0, len(self.sends))
            if is_of_last and self.status in ("Sending", "Uncertain", "Sent"):
                self.go("Failed")
            return
        if self.status in ENDS:
            self.facts.append(news)
        elif (self.status, news.capitalize()) in STEPS:
            self.go(news.capitalize())
        self.known.add(news)

    def resolve(self, outcome: str) -> None:
        """A person says what became of it."""
        if self.status == "Uncertain":
            self.go(outcome)
            self.known.add(outcome.lower())

    def cancel(self) -> None:
        """Its sender takes it back, if it is not too late."""
        if self.status in ("Scheduled", "Queued"):
            self.go("Cancelled")

    def look(self, now: datetime, policy: Policy) -> None:
        """A worker looks whether it has been without an answer for too long."""
        if self.status != "Sending" or self.sent_last is None or now < self.sent_last + PATIENCE:
            return
        self.go("Uncertain")
        if policy == "fail":
            self.go("Failed")
        if policy == "resend" and now < self.expires_at:
            self.go("Queued", "requeued")
            self.resends += 1

    def expire(self, now: datetime) -> None:
        if self.status in ("Scheduled", "Queued") and self.expires_at <= now:
            self.go("Expired")

    def queue(self, now: datetime) -> None:
        """Its time to be queued has come, perhaps."""
        is_due = self.send_at is not None and self.send_at <= now
        if self.status == "Scheduled" and is_due and not self.is_held:
            self.go("Queued")

    def pause(self) -> None:
        """Its batch is paused."""
        if self.status in ("Scheduled", "Queued", "Sending"):
            self.is_held = True

    def resume(self) -> None:
        """Its batch goes on."""
        self.is_held = False
