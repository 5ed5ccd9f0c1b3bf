"""Write what came of sends: status, fact, refund and job in one commit, only for our own marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.credits import ledger
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import progress, trace, verdict
from waypost.messages import store_progress as store
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed, Result
from waypost.messages.progress import keys
from waypost.messages.store_progress import Key, State
from waypost.messages.verdict import Verdict
from waypost.queue import lanes
from waypost.queue.model import Job, Later, Reference


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome that was written."""

    result: Result
    verdict: Verdict

    @property
    def key(self) -> Key:
        return self.result.marked.claimed.key

    @property
    def job(self) -> Job:
        return self.result.marked.claimed.job


async def settle(
    tx: Tx,
    owner: UUID,
    results: Sequence[Result],
    clock: Clock,
    random: Callable[[], float],
    uncertain_after: timedelta,
) -> list[Settled]:
    """Write outcomes; says which were ours to write. Writing one twice changes nothing."""
    settled = [Settled(each, verdict.of(each, random(), uncertain_after)) for each in results]
    await store.plan_anew(tx)
    paying = {each.key[0] for each in settled if each.verdict.may_refund}
    wallets = await ledger.lock(tx, paying) if paying else {}
    states = await store.lock(tx, keys([each.key for each in settled]))
    ours = [(each, states[each.key]) for each in settled if _is_ours(each, states)]
    steps = [verdict.step(each.verdict, state, each.result.at) for each, state in ours]
    await progress.write(tx, wallets, [step for step in steps if step], clock.now())
    await trace.note(tx, [r for r in results if r.marked.claimed.key in states], clock.now())
    await _jobs(tx, owner, ours)
    return [each for each, _ in ours]


async def expire(tx: Tx, claimed: Sequence[Claimed], clock: Clock) -> int:
    """End and refund what waited too long, unless it moved meanwhile; says how many ended."""
    await store.plan_anew(tx)
    wallets = await ledger.lock(tx, {each.text.account_id for each in claimed})
    states = await store.lock(tx, keys([each.key for each in claimed]))
    now = clock.now()
    late = [each for each in claimed if _is_late(states.get(each.key), each, now)]
    steps = [progress.expired(states[each.key], now) for each in late]
    await progress.write(tx, wallets, steps, now)
    if late:
        await lanes.finish(tx, [each.job for each in late])
    return len(late)


def _is_ours(each: Settled, states: Mapping[Key, State]) -> bool:
    """Whether our mark is the last one: a mark whose COMMIT failed has the number of the next one,
    but not its time.

    A message that is `Queued` again was settled before, or its answer came too late: then only
    that it left is news.
    """
    marked, state = each.result.marked, states.get(each.key)
    if state is None or (state.mark, state.marked_at) != (marked.mark, marked.at):
        return False
    return state.status is not Status.QUEUED or each.verdict.to is Status.SENT


async def _jobs(tx: Tx, owner: UUID, ours: Sequence[tuple[Settled, State]]) -> None:
    done: list[Job] = []
    later: list[Later] = []
    withdrawn: list[Reference] = []
    for each, state in ours:
        if state.status is Status.QUEUED:
            # Its job is no longer the one that we claimed.
            withdrawn.append(each.job.about)
        elif state.status is Status.SENDING and (delay := _delay(each, state)) is not None:
            later.append(Later(each.job, delay))
        elif state.status is Status.SENDING:
            done.append(each.job)
    if done:
        await lanes.finish(tx, done)
    if withdrawn:
        await lanes.withdraw(tx, withdrawn)
    if later:
        await lanes.retry(tx, owner, later)


def _delay(each: Settled, state: State) -> timedelta | None:
    """After which the message's job comes again; a paused batch queues its messages itself."""
    is_held = state.is_held and each.verdict.to is Status.QUEUED
    return None if is_held else each.verdict.delay


def _is_late(state: State | None, each: Claimed, now: datetime) -> bool:
    queued = state is not None and state.status is Status.QUEUED
    return queued and each.text.expires_at <= now
