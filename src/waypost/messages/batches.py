"""A bulk as a whole: where its messages stand, and what was decided about it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from waypost.kit.db import Tx
from waypost.kit.errors import Conflict, NotFound
from waypost.messages import store_batches as store
from waypost.messages.model import Status, is_complete, parse_batch_id
from waypost.messages.store_batches import NO_CLOCKS, Batch, Clocks, State
from waypost.messages.store_control import Waiting
from waypost.messages.store_progress import Key
from waypost.queue import lanes
from waypost.queue.model import Kind, lane_of

Shown = Literal["running", "paused", "cancelled", "completed"]

CANCELLED = "The batch was cancelled."
COMPLETED = "The batch is completed: nothing of it waits any more."


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch, how many of its messages have each status, and how many are not complete."""

    batch: Batch
    counts: Mapping[Status, int]
    open: int

    @property
    def state(self) -> Shown:
        if self.batch.state is State.CANCELLED:
            return "cancelled"
        if not self.open:
            return "completed"
        return "paused" if self.batch.state is State.PAUSED else "running"

    @property
    def share(self) -> float:
        """How much of it is complete, from 0 to 1."""
        return 1 - self.open / self.batch.total


async def get(tx: Tx, account_id: int, batch_id: str, now: datetime) -> Progress:
    """The account's batch and how far it is; another's, or none, is not found."""
    id = parse_batch_id(batch_id)
    batch = None if id is None else await store.one(tx, account_id, id)
    return await _progress(tx, account_id, batch, now)


async def lock(tx: Tx, account_id: int, batch_id: str, now: datetime) -> Progress:
    """The same, and nobody else decides about it until the transaction ends."""
    id = parse_batch_id(batch_id)
    batch = None if id is None else await store.lock(tx, account_id, id)
    return await _progress(tx, account_id, batch, now)


async def decide(
    tx: Tx, account_id: int, found: Progress, state: State, clocks: Clocks, now: datetime
) -> Progress:
    """Note the decision about a batch that is locked; returns it as it is then."""
    batch = replace(found.batch, state=state, clocks=clocks)
    await store.decide(tx, account_id, batch)
    return await _progress(tx, account_id, batch, now)


def refuse_what_is_over(found: Progress) -> None:
    """There is nothing more to be decided about what is cancelled or completed."""
    if found.state == "cancelled":
        raise Conflict(CANCELLED)
    if found.state == "completed":
        raise Conflict(COMPLETED)


async def keys(tx: Tx, account_id: int, batch: Batch) -> list[Key]:
    """Its messages, in the order in which they were accepted."""
    return [(account_id, id) for id in await store.messages(tx, account_id, batch.id)]


def clocks_of(batch: Batch, part: Clocks, queued: int) -> Clocks:
    """The way of its flow's clock, had all of it been queued; `part` is that of so many."""
    before, after = part
    if before is None or after is None or not queued:
        return NO_CLOCKS
    return after - (after - before) * batch.total // queued, after


async def wind_back(tx: Tx, account_id: int, batch: Batch, out: Sequence[Waiting]) -> None:
    """Let the account's bulks not pay for what left the queue and was not sent."""
    before, after = batch.clocks
    if not out or before is None or after is None:
        return
    start = after - (after - before) * len(out) // batch.total
    lane = lane_of(out[0].pool_id)
    await lanes.wind_back(tx, account_id, Kind.BULK, lane, start, after)


async def _progress(tx: Tx, account_id: int, batch: Batch | None, now: datetime) -> Progress:
    if batch is None:
        raise NotFound("There is no batch by that batch_id.")
    found = await store.counts(tx, account_id, batch.id, now)
    counts: Counter[Status] = Counter()
    open = 0
    for (status, is_over), messages in found.items():
        counts[status] += messages
        open += 0 if is_complete(status, is_over=is_over) else messages
    return Progress(batch, counts, open)
