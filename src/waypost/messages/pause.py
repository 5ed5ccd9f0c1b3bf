"""Keep what is left of a batch from leaving, and let it go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from waypost.credits import ledger
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import alarms, batches, requeue, store_alarms, store_control
from waypost.messages import store_progress as messages
from waypost.messages.batches import Progress
from waypost.messages.model import Status
from waypost.messages.progress import keys
from waypost.messages.store_batches import NO_CLOCKS, Batch, State
from waypost.messages.store_control import Waiting
from waypost.queue import lanes
from waypost.queue.model import Kind


@dataclass(frozen=True, slots=True)
class _Part:
    """A message of the batch that is still to be sent, locked."""

    waiting: Waiting
    status: Status
    is_held: bool


async def pause(tx: Tx, account_id: int, batch_id: str, clock: Clock) -> Progress:
    """Take what waits out of the queue; nothing is done where it is paused already."""
    found = await batches.lock(tx, account_id, batch_id, clock.now())
    if found.state == "paused":
        return found
    batches.refuse_what_is_over(found)
    parts = await _parts(tx, account_id, found.batch)
    # Also what is on the wire: it may come back.
    await store_control.hold(tx, [part.waiting.key for part in parts], is_held=True)
    queued = _those(parts, Status.QUEUED)
    await batches.wind_back(tx, account_id, found.batch, queued)
    await lanes.withdraw(tx, [each.about for each in queued])
    # It is not queued when it is due; but its time may be over.
    scheduled = _those(parts, Status.SCHEDULED)
    await alarms.set(tx, [(*each.key, each.expires_at) for each in scheduled])
    return await batches.decide(tx, account_id, found, State.PAUSED, NO_CLOCKS, clock.now())


async def resume(tx: Tx, account_id: int, batch_id: str, clock: Clock) -> Progress:
    """Queue what was taken out, behind what waits by now; nothing is done where it runs."""
    doors = await requeue.doors(tx, {account_id})
    found = await batches.lock(tx, account_id, batch_id, clock.now())
    batches.refuse_what_is_over(found)
    if found.state == "running":
        return found
    parts = [part for part in await _parts(tx, account_id, found.batch) if part.is_held]
    await store_control.hold(tx, [part.waiting.key for part in parts], is_held=False)
    queued = _those(parts, Status.QUEUED)
    pushed = await requeue.push(tx, queued, doors)
    scheduled = _those(parts, Status.SCHEDULED)
    await alarms.set(tx, [(*each.key, each.send_at or each.expires_at) for each in scheduled])
    part = pushed.clocks.get((account_id, Kind.BULK), NO_CLOCKS)
    clocks = batches.clocks_of(found.batch, part, len(queued))
    return await batches.decide(tx, account_id, found, State.RUNNING, clocks, clock.now())


async def _parts(tx: Tx, account_id: int, batch: Batch) -> list[_Part]:
    all = await batches.keys(tx, account_id, batch)
    await messages.plan_anew(tx)
    await store_alarms.hold(tx, all)
    await ledger.lock(tx, {account_id})
    states = await messages.lock(tx, keys(all))
    waiting = await store_control.waiting(tx, all)
    found = [(each, states[each.key]) for each in sorted(waiting, key=lambda each: each.number)]
    return [_Part(each, state.status, state.is_held) for each, state in found]


def _those(parts: Sequence[_Part], status: Status) -> list[Waiting]:
    return [part.waiting for part in parts if part.status is status]
