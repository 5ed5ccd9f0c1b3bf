"""A request to send on its way to a commit, and what it is answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from msgspec import Struct

from waypost.kit.errors import Refusal
from waypost.messages.model import Class
from waypost.messages.options import PLAIN, Options
from waypost.messages.schemas import Content, Recipient

Key = tuple[int, str]
"""An account, and the key under which it may send a request again."""


@dataclass(frozen=True, slots=True)
class Repeatable:
    """A request that may come again: its key, and the fingerprint of its route and body."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """One request to send: parsed, its sender known, its rate limit passed.

    `weight` is the account's share of its pool; `barred` is why it is refused, unless it comes
    again after it was accepted.
    """

    account_id: int
    pool_id: int
    kind: Class
    content: Content
    recipients: Sequence[Recipient]
    options: Options = PLAIN
    weight: int = 1
    repeatable: Repeatable | None = None
    barred: Refusal | None = None

    @property
    def is_scheduled(self) -> bool:
        return self.options.send_at is not None

    @property
    def key(self) -> Key | None:
        return None if self.repeatable is None else (self.account_id, self.repeatable.key)


class Skipped(Struct, frozen=True):
    """A recipient that gets no message, and why."""

    code: str
    message: str


class Acceptance(Struct, frozen=True):
    """What became of each recipient (an id, or why not), and what the answer tells.

    `queue_position` is 0 for what is not in the queue before its `send_at`. `is_replay`: it is the
    answer that an earlier request of the same key got.
    """

    outcomes: list[UUID | Skipped]
    remaining_credits: int
    queue_position: int
    available_devices: int
    total_devices: int
    batch_id: UUID | None = None
    is_replay: bool = False

    @property
    def ids(self) -> list[UUID]:
        """The messages that it tells of."""
        return [outcome for outcome in self.outcomes if isinstance(outcome, UUID)]

    @property
    def is_scheduled(self) -> bool:
        return self.queue_position == 0

    @property
    def queued(self) -> int:
        """How many messages came to the queue by it."""
        return 0 if self.is_replay or self.is_scheduled else len(self.ids)


Answer = Acceptance | Refusal
