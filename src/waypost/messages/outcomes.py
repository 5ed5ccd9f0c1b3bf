"""What a worker holds of a message: claimed, then marked, then with its outcome."""

from dataclasses import dataclass
from datetime import datetime

from waypost.drivers.port import Outcome, Outgoing, Ref
from waypost.messages.store_progress import Key, Text
from waypost.queue.model import Job

EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job of ours, and the message that it is about."""

    job: Job
    text: Text

    @property
    def key(self) -> Key:
        return self.text.account_id, self.text.id


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message is to go; `may_repeat`: the transport drops a second one of the same id."""

    claimed: Claimed
    device_id: int
    may_repeat: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """A message that we, and nobody else, send now."""

    claimed: Claimed
    device_id: int
    mark: int
    attempt: int
    provider_id: str

    @property
    def outgoing(self) -> Outgoing:
        text = self.claimed.text
        ref = Ref(text.account_id, text.id)
        return Outgoing(ref, text.recipient, text.body, self.provider_id, self.attempt)


@dataclass(frozen=True, slots=True)
class Result:
    """What the transport said to a marked message, and when."""

    marked: Marked
    outcome: Outcome
    at: datetime
