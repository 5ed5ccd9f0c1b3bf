"""What a worker holds of a message: claimed, then marked, then with its outcome."""

from dataclasses import dataclass
from datetime import datetime
from math import inf

from waypost.drivers.outgoing import Outgoing, Ref
from waypost.drivers.port import Outcome
from waypost.messages.content import carried
from waypost.messages.model import Status
from waypost.messages.store_progress import Key, Text
from waypost.queue.model import Job

# The codes of our own among a message's `error_code`.
EXPIRED = "EXPIRED"
UNCERTAIN = "UNCERTAIN"
NOT_SENT = "NOT_SENT"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job of ours, and the message that it is about."""

    job: Job
    text: Text

    @property
    def key(self) -> Key:
        return self.text.account_id, self.text.id

    def waits_for_news(self, now: datetime) -> bool:
        """Whether it may have left us, and must not go again; `uncertain.look` has its job."""
        text = self.text
        may_go_again = text.may_repeat and now < text.expires_at
        return text.status is Status.SENDING and not may_go_again


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is to go; `may_repeat`: the transport drops a second one of the same id."""

    claimed: Claimed
    device_id: int
    may_repeat: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A message that we, and nobody else, send now.

    `is_repeat`: it may have left before, and what became of that nobody knows.
    """

    claimed: Claimed
    device_id: int
    mark: int
    attempt: int
    provider_id: str
    at: datetime
    may_repeat: bool
    is_repeat: bool

    @property
    def ref(self) -> Ref:
        return Ref(*self.claimed.key, self.mark)

    def outgoing(self, deadline: float = inf) -> Outgoing:
        """What the driver is given; from the deadline on it must not go."""
        text = self.claimed.text
        beside = carried(text.content)
        return Outgoing(
            self.ref,
            text.recipient,
            text.body,
            self.provider_id,
            self.attempt,
            deadline,
            beside.media,
            beside.approved,
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a marked message on the wire, and when."""

    marked: Marked
    outcome: Outcome
    at: datetime
