"""The mark: a message becomes `Sending` right before the wire; only who marked it sends it."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from waypost.devices import leases
from waypost.devices.leases import Lease
from waypost.events.model import Type
from waypost.kit.db import Tx
from waypost.messages import progress
from waypost.messages import store_progress as store
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed, Marked, Place
from waypost.messages.progress import Step, keys
from waypost.messages.store_progress import State
from waypost.queue import lanes
from waypost.queue.model import Job


async def load(tx: Tx, jobs: Sequence[Job]) -> list[Claimed]:
    """The messages of these jobs that are still on their way, in the jobs' order.

    The other jobs are finished: their messages are past it, held, or gone.
    """
    await store.plan_anew(tx)
    texts = await store.texts(tx, [_key(job) for job in jobs])
    found = {(text.account_id, text.id): text for text in texts}
    orphans = [job for job in jobs if _key(job) not in found]
    if orphans:
        await lanes.finish(tx, orphans)
    return [Claimed(job, found[_key(job)]) for job in jobs if _key(job) in found]


async def mark(tx: Tx, lease: Lease, places: Sequence[Place], now: datetime) -> list[Marked]:
    """Mark what is still to be sent, and finish the jobs of what is not; nothing without the lease.

    A message found `Sending` has perhaps left before. It goes again only where both the transport
    that it went to and the one that it is to go to drop repeats; elsewhere it is left as it is.
    """
    if not await leases.hold(tx, lease):
        return []
    await store.plan_anew(tx)
    by_key = {place.claimed.key: place for place in places}
    states = await store.lock(tx, keys(list(by_key)))
    steps = {key: _step(s, by_key[key], now) for key, s in states.items() if _may(s, by_key[key])}
    await progress.write(tx, {}, list(steps.values()), now)
    if over := [by_key[key].claimed.job for key, state in states.items() if _is_over(state)]:
        await lanes.finish(tx, over)
    return [
        _marked(place, states[key], steps[key].after, now)
        for key, place in by_key.items()
        if key in steps
    ]


def provider_id(id: UUID) -> str:
    """The id under which the transport knows a message: the form of WhatsApp's own."""
    return "3EB0" + sha256(id.bytes).hexdigest()[:18].upper()


def _key(job: Job) -> tuple[int, UUID]:
    return job.about.account_id, job.about.message_id


def _may(state: State, place: Place) -> bool:
    if state.status is Status.SENDING:
        return state.may_repeat and place.may_repeat
    return state.status is Status.QUEUED and not state.is_held


def _is_over(state: State) -> bool:
    waits = state.status is Status.QUEUED and not state.is_held
    return not waits and state.status is not Status.SENDING


def _step(state: State, place: Place, now: datetime) -> Step:
    attempt = state.attempts + 1
    return progress.step(
        state,
        Status.SENDING,
        Type.SENDING,
        now,
        {"attempt": attempt, "device_id": place.device_id},
        attempts=attempt,
        mark=state.mark + 1,
        marked_at=now,
        may_repeat=place.may_repeat,
        device_id=place.device_id,
        provider_id=state.provider_id or provider_id(state.id),
    )


def _marked(place: Place, before: State, after: State, now: datetime) -> Marked:
    return Marked(
        place.claimed,
        place.device_id,
        after.mark,
        after.attempts,
        after.provider_id or provider_id(after.id),
        now,
        place.may_repeat,
        is_repeat=before.status is Status.SENDING,
    )
