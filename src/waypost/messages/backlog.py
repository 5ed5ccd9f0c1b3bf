"""How much waits already: a bound for each account and each pool, mostly known without a query.

Each process counts now and then, and adds what it accepts itself: what others accept, it sees when
it counts again. It counts before it refuses, so nobody is refused for what left long ago.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil, inf

from waypost.kit.clock import Clock
from waypost.kit.db import Database, Tx
from waypost.messages.errors import BacklogFull
from waypost.messages.submission import Submission
from waypost.queue import depths
from waypost.queue.model import lane_of

Count = Callable[[Tx, int, int], Awaitable[int]]
"""Counts what waits of an account or in a pool, up to a bound."""

BELIEVED_SECONDS = 0.5
COUNTING_SHARE = 0.05
"""A count is believed for so long, and until counting has taken no more than this share of the
time: half a million messages are not counted twice a second."""

STALE_SECONDS = 5.0
LARGE = 0.1
"""From this share of the bound on, a count is renewed when it is stale."""

GROWN = 0.05
"""A count is renewed when this share of the bound was added to it."""

REMEMBERED = 50_000
NEVER = -inf
RETRY_SECONDS = 5
MOST_RETRY_SECONDS = 60


@dataclass(slots=True)
class Known:
    """What is known of one backlog.

    `added` came since it was counted, `entering` may come at any moment; `drained` is how many
    messages a second left it lately.
    """

    counted: int = 0
    added: int = 0
    entering: int = 0
    counted_at: float = NEVER
    believed_until: float = NEVER
    drained: float = 0.0
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def waiting(self) -> int:
        return self.counted + self.added + self.entering


@dataclass(frozen=True, slots=True)
class Room:
    """The room that a request keeps until it is known what it queued."""

    backlogs: tuple[Known, ...]
    messages: int

    def leave(self, queued: int) -> None:
        """The request is over, and so many of its messages were queued."""
        for backlog in self.backlogs:
            backlog.entering -= self.messages
            backlog.added += queued


class Backlog:
    """Bounds what may wait of each account and in each pool."""

    def __init__(self, db: Database, clock: Clock, per_account: int, per_pool: int) -> None:
        self._accounts = _Bound("Your account", per_account, depths.of_account, db, clock)
        self._pools = _Bound("Your pool of senders", per_pool, _of_pool, db, clock)

    async def enter(self, submission: Submission) -> Room | BacklogFull:
        """Keep room for the submission, or say why there is none.

        What is scheduled needs none: it waits elsewhere.
        """
        if submission.is_scheduled:
            return Room((), 0)
        messages = len(submission.recipients)
        account = await self._accounts.look(submission.account_id, messages)
        pool = await self._pools.look(submission.pool_id, messages)
        full = self._accounts.refusal(account, messages) or self._pools.refusal(pool, messages)
        if full is not None:
            return full
        account.entering += messages
        pool.entering += messages
        return Room((account, pool), messages)


class _Bound:
    """The most that may wait of each account, or in each pool."""

    def __init__(self, whose: str, most: int, count: Count, db: Database, clock: Clock) -> None:
        self._whose = whose
        self._most = most
        self._count = count
        self._db = db
        self._clock = clock
        self._known: dict[int, Known] = {}

    async def look(self, id: int, messages: int) -> Known:
        """What is known of a backlog: enough to judge whether so many more have room."""
        known, now = self._of(id), self._clock.monotonic()
        must = self._must_count(known, messages, now)
        # One counts for all; only who cannot be judged without waits for it.
        if must or (self._should_count(known, now) and not known.counting.locked()):
            async with known.counting:
                if known.counted_at < now:
                    await self._renew(id, known)
        return known

    def refusal(self, known: Known, messages: int) -> BacklogFull | None:
        """Why there is no room for so many more; None where there is."""
        over = known.waiting + messages - self._most
        if over <= 0:
            return None
        wait = ceil(over / known.drained) if known.drained > 0 else RETRY_SECONDS
        return BacklogFull(self._whose, known.waiting, self._most, min(wait, MOST_RETRY_SECONDS))

    def _of(self, id: int) -> Known:
        known = self._known.get(id)
        if known is None:
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            known = self._known[id] = Known()
        return known

    def _must_count(self, known: Known, messages: int, now: float) -> bool:
        """Whether nothing true can be said about so many more without a count."""
        is_full = known.waiting + messages > self._most
        return known.counted_at == NEVER or (is_full and now >= known.believed_until)

    def _should_count(self, known: Known, now: float) -> bool:
        """Whether it may be far from what was counted."""
        is_stale = now - known.counted_at >= STALE_SECONDS and known.waiting >= self._most * LARGE
        has_grown = known.added >= self._most * GROWN
        return now >= known.believed_until and (is_stale or has_grown)

    async def _renew(self, id: int, known: Known) -> None:
        before, begun = known.added, self._clock.monotonic()
        async with self._db.read() as tx:
            counted = await self._count(tx, id, self._most + 1)
        now = self._clock.monotonic()
        left = known.counted + before - counted
        is_whole = max(known.counted, counted) <= self._most  # no further was it counted
        known.drained = left / max(now - known.counted_at, BELIEVED_SECONDS) if is_whole else 0.0
        known.counted, known.added, known.counted_at = counted, known.added - before, now
        known.believed_until = now + max((now - begun) / COUNTING_SHARE, BELIEVED_SECONDS)


async def _of_pool(tx: Tx, pool_id: int, most: int) -> int:
    return await depths.of_lane(tx, lane_of(pool_id), most)
