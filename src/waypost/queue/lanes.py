"""Push on the caller's transaction; claim, beat, finish, withdraw, retry, release."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from pgqueuer import AsyncpgDriver, Queries
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from waypost.kit.db import Tx
from waypost.queue import fairness, places, store, store_push
from waypost.queue.model import Entry, Job, Kind, Lane, Later, Reference, ids_of
from waypost.queue.places import EXACT_UP_TO, Ahead
from waypost.queue.store_push import Chains, Near

# A claim whose owner has not beaten for so long is handed out again.
HEARTBEAT_TIMEOUT = timedelta(seconds=12)
BEAT_EVERY = timedelta(seconds=3)

_UNLIMITED = EntrypointExecutionParameter(concurrency_limit=0)


@dataclass(frozen=True, slots=True)
class Pushed:
    """Each entry's place (1 = next), and where its flow's clock stood before and after."""

    places: list[int]
    clocks: dict[tuple[int, Kind], tuple[int, int]]


async def push(tx: Tx, entries: Sequence[Entry]) -> Pushed:
    """Queue these messages, in this order; their accounts' wallets are locked.

    At most one message of a chain stands in its lane. The others are parked behind it, and
    whoever ends it puts the next one in.
    """
    if not entries:
        return Pushed([], {})
    keys = list({entry.about.key for entry in entries})
    charges = fairness.charges(entries)
    lanes = await store_push.prepare(tx, charges, keys)
    in_chain = _in_chain(entries, await _without_strays(tx, keys, lanes.chains))
    priorities = fairness.priorities(entries, lanes.starts, lanes.bases)
    ahead = await _ahead(tx, lanes.near, entries, priorities)
    await _enqueue(tx, entries, priorities, in_chain)
    clocks = {flow[:2]: (start, start + charges[flow]) for flow, start in lanes.starts.items()}
    return Pushed(_places(entries, priorities, in_chain, ahead), clocks)


async def claim(
    tx: Tx, owner: UUID, lane: Lane, most: int, patience: timedelta = HEARTBEAT_TIMEOUT
) -> list[Job]:
    """Take up to `most` jobs of the lane, those included whose owner's heart has stopped."""
    lanes = {QueueEntrypoint(lane): _UNLIMITED}
    rows = await _queries(tx).dequeue(most, lanes, QueueManagerId(owner), None, patience)
    if rows:
        await store.move_on(tx, lane, min(row.priority for row in rows))
    return [Job(row.id, lane, Reference.unpack(row.payload or b"")) for row in rows]


async def beat(tx: Tx, jobs: Sequence[Job]) -> None:
    """Say that the owner of these jobs lives."""
    await _queries(tx).update_heartbeat(cast("Any", ids_of(jobs)))


async def finish(tx: Tx, jobs: Sequence[Job]) -> None:
    """The jobs are done: the next messages of their chains take their places."""
    await store.delete(tx, ids_of(jobs))
    # A statement of its own: it sees what was parked while this one waited for a job.
    await store.promote(tx, list({job.about.key for job in jobs}))


async def withdraw(tx: Tx, about: Sequence[Reference]) -> None:
    """Take these messages out of the queue, wherever they stand, claimed ones as well."""
    chains = list({reference.key for reference in about})
    await store_push.look(tx, chains)
    await store.withdraw(tx, about)
    await store.promote(tx, chains)


async def retry(tx: Tx, owner: UUID, later: Sequence[Later]) -> None:
    """Hand jobs out again after their delays; meanwhile they keep their chains."""
    await store.retry(tx, owner, ids_of(each.job for each in later), [each.delay for each in later])


async def release(tx: Tx, owner: UUID) -> None:
    """Give back all that the owner holds, when a worker stops."""
    await store.release(tx, owner)


async def release_jobs(tx: Tx, owner: UUID, jobs: Sequence[Job]) -> None:
    """Give back these jobs, as far as the owner still holds them."""
    await store.release_jobs(tx, owner, ids_of(jobs))


async def wind_back(
    tx: Tx, account_id: int, kind: Kind, lane: Lane, before: int, after: int
) -> None:
    """Set a flow's clock back from `after`, unless something has been queued since."""
    await store_push.wind_back(tx, (account_id, kind, lane), before, after)


async def without_job(tx: Tx, about: Sequence[Reference]) -> list[Reference]:
    """Which of these messages nothing would send."""
    return await store.without_job(tx, about)


async def place_of(tx: Tx, lane: Lane, about: Reference) -> int | None:
    """The message's place in its lane (1 = next, or claimed); None where it does not stand."""
    stand = await store.stand(tx, about)
    if stand is None:
        return None
    if stand.is_claimed:
        return 1
    rows = await store_push.near(tx, lane, stand.priority)
    due = [row.priority for row in rows if row.is_due and (-row.priority, row.id) < stand.order]
    last = min((row.priority for row in rows), default=stand.priority)
    near = Near(due, last, len(rows) <= EXACT_UP_TO)
    ahead = await _ahead_in(tx, lane, near, stand.priority)
    return places.place(ahead.of(stand.priority), stand.in_chain)


async def _without_strays(tx: Tx, keys: Sequence[str], chains: Chains) -> Chains:
    """What stands in the chains when no message is parked in one that has no job.

    Where one is, the job before it has just ended: help to put it in, and look again.
    """
    while strays := chains.strays:
        await store.promote(tx, strays)
        chains = await store_push.look(tx, keys)
    return chains


def _in_chain(entries: Sequence[Entry], chains: Chains) -> list[int]:
    """How many of its own chain stand before each; who has none is the one in the lane."""
    standing = Counter({key: 1 + chains.parked.get(key, 0) for key in chains.with_job})
    before = []
    for entry in entries:
        before.append(standing[entry.about.key])
        standing[entry.about.key] += 1
    return before


async def _enqueue(
    tx: Tx, entries: Sequence[Entry], priorities: Sequence[int], in_chain: Sequence[int]
) -> None:
    rows = list(zip(entries, priorities, in_chain, strict=True))
    heads = [(entry, priority) for entry, priority, before in rows if not before]
    if heads:
        await _queries(tx).enqueue(
            [entry.lane for entry, _ in heads],
            [entry.about.pack() for entry, _ in heads],
            [priority for _, priority in heads],
            dedupe_key=[entry.about.key for entry, _ in heads],
        )
    if parked := [(entry, priority) for entry, priority, before in rows if before]:
        await store_push.park(tx, parked)


async def _ahead(
    tx: Tx, near: Mapping[Lane, Near], entries: Sequence[Entry], priorities: Sequence[int]
) -> dict[Lane, Ahead]:
    lowest: dict[Lane, int] = {}
    for entry, priority in zip(entries, priorities, strict=True):
        lowest[entry.lane] = min(priority, lowest.get(entry.lane, priority))
    return {lane: await _ahead_in(tx, lane, near[lane], lowest[lane]) for lane in lowest}


async def _ahead_in(tx: Tx, lane: Lane, near: Near, lowest: int) -> Ahead:
    """What is due in the lane before any priority down to the lowest."""
    if near.is_whole:
        return Ahead(near.due)
    if len(near.due) <= EXACT_UP_TO:
        # Many wait for their next try: perhaps no more than these are due.
        due = await store_push.due(tx, lane)
        if len(due) <= EXACT_UP_TO:
            return Ahead(due)
    cuts = places.cuts(near.last, lowest)
    samples = await store_push.samples(tx, lane, places.middles(cuts))
    return Ahead(near.due, places.curve(len(near.due), cuts, samples))


def _places(
    entries: Sequence[Entry],
    priorities: Sequence[int],
    in_chain: Sequence[int],
    ahead: Mapping[Lane, Ahead],
) -> list[int]:
    """Each one's place behind what was there, and behind what goes before it of these."""
    found = [0] * len(entries)
    pushed: Counter[Lane] = Counter()
    for n in sorted(range(len(entries)), key=lambda n: -priorities[n]):
        lane = entries[n].lane
        before = ahead[lane].of(priorities[n]) + pushed[lane]
        found[n] = places.place(before, in_chain[n])
        pushed[lane] += not in_chain[n]
    return found


def _queries(tx: Tx) -> Queries:
    return Queries(AsyncpgDriver(cast("Any", tx)))
