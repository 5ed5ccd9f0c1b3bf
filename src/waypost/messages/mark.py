"""The mark: a message becomes `Sending` right before the wire; only who marked it sends it."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

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
    """The messages of these jobs, in the jobs' order; a job without one is finished."""
    await store.plan_anew(tx)
    texts = await store.texts(tx, [_key(job) for job in jobs])
    found = {(text.account_id, text.id): text for text in texts}
    orphans = [job for job in jobs if _key(job) not in found]
    if orphans:
        await lanes.finish(tx, orphans)
    return [Claimed(job, found[_key(job)]) for job in jobs if _key(job) in found]


async def mark(tx: Tx, places: Sequence[Place], now: datetime) -> list[Marked]:
    """Mark what is still to be sent, and finish the jobs of what is past it.

    A message found `Sending` was on its way when a worker died: it goes again only where the
    transport drops repeats; elsewhere it is left as it is.
    """
    await store.plan_anew(tx)
    by_key = {place.claimed.key: place for place in places}
    states = await store.lock(tx, keys(list(by_key)))
    over = [by_key[key].claimed.job for key, state in states.items() if _is_over(state)]
    steps = {key: _step(s, by_key[key], now) for key, s in states.items() if _may(s, by_key[key])}
    await progress.write(tx, {}, list(steps.values()), now)
    if over:
        await lanes.finish(tx, over)
    return [_marked(place, steps[key].after) for key, place in by_key.items() if key in steps]


def provider_id(id: UUID) -> str:
    """The id under which the transport knows a message: the form of WhatsApp's own."""
    return "3EB0" + sha256(id.bytes).hexdigest()[:18].upper()


def _key(job: Job) -> tuple[int, UUID]:
    return job.about.account_id, job.about.message_id


def _may(state: State, place: Place) -> bool:
    repeats = state.status is Status.SENDING and place.may_repeat
    return state.status is Status.QUEUED or repeats


def _is_over(state: State) -> bool:
    return state.status not in (Status.QUEUED, Status.SENDING)


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
        device_id=place.device_id,
        provider_id=state.provider_id or provider_id(state.id),
    )


def _marked(place: Place, state: State) -> Marked:
    sent_as = state.provider_id or provider_id(state.id)
    return Marked(place.claimed, place.device_id, state.mark, state.attempts, sent_as)
