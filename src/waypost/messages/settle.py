"""Write what came of sends: status, fact, refund and job in one commit, only for our own marks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID

from msgspec.structs import replace

from waypost.credits import ledger
from waypost.drivers.port import Accepted, DeviceDown, Refused, Retry
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import progress
from waypost.messages import store_progress as store
from waypost.messages.model import Status
from waypost.messages.outcomes import EXPIRED, Claimed, Result
from waypost.messages.progress import Step, keys
from waypost.messages.store_progress import State
from waypost.queue import backoff, lanes
from waypost.queue.model import Job, Later

NOW = timedelta(0)
LATE = "It could not be sent before it expired."


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where an outcome leads; with a delay, the job is handed out again after it."""

    to: Status
    fact: Type
    detail: Mapping[str, object] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    delay: timedelta | None = None

    @property
    def refunds(self) -> bool:
        return self.to in (Status.FAILED, Status.EXPIRED)


@dataclass(frozen=True, slots=True)
class Settled:
    """An outcome that was written."""

    result: Result
    verdict: Verdict


def verdict(result: Result, random: float) -> Verdict:
    """What an outcome means for its message."""
    match result.outcome:
        case Accepted(provider_id):
            changes = {"sent_at": result.at, "provider_id": provider_id}
            return Verdict(Status.SENT, Type.SENT, None, changes)
        case Refused(code, message):
            changes = {"error_code": code, "error_message": message}
            return Verdict(Status.FAILED, Type.FAILED, _reason(code, message), changes)
        case Retry(code, message, after):
            wait = backoff.delay(result.marked.attempt, random) if after is None else after
            if result.at + wait >= result.marked.claimed.text.expires_at:
                return _expired(_reason(code, message))
            return _again(_reason(code, message), wait, result.marked.attempt)
        case DeviceDown(reason):
            return _again(_reason("DEVICE_DOWN", reason), NOW, result.marked.attempt - 1)
        case _:
            assert_never(result.outcome)


async def settle(
    tx: Tx, owner: UUID, results: Sequence[Result], clock: Clock, random: Callable[[], float]
) -> list[Settled]:
    """Write outcomes; says which were ours to write. Writing one twice changes nothing."""
    settled = [Settled(result, verdict(result, random())) for result in results]
    await store.plan_anew(tx)
    refunded = {s.result.marked.claimed.key[0] for s in settled if s.verdict.refunds}
    wallets = await ledger.lock(tx, refunded) if refunded else {}
    states = await store.lock(tx, keys([s.result.marked.claimed.key for s in settled]))
    ours = [(s, states[s.result.marked.claimed.key]) for s in settled if _is_ours(s, states)]
    steps = [step for each, state in ours if (step := _step(each, state))]
    await progress.write(tx, wallets, steps, clock.now())
    await _jobs(tx, owner, [_job(each, state) for each, state in ours])
    return [each for each, _ in ours]


async def expire(tx: Tx, claimed: Sequence[Claimed], clock: Clock) -> int:
    """End and refund what waited too long, unless it moved meanwhile; says how many ended."""
    await store.plan_anew(tx)
    wallets = await ledger.lock(tx, {each.text.account_id for each in claimed})
    states = await store.lock(tx, keys([each.key for each in claimed]))
    now = clock.now()
    late = [each for each in claimed if _is_late(states.get(each.key), each, now)]
    end = _expired(None)
    steps = [_take(states[each.key], end, now) for each in late]
    await progress.write(tx, wallets, steps, now)
    if late:
        await lanes.finish(tx, [each.job for each in late])
    return len(late)


def _is_ours(each: Settled, states: Mapping[store.Key, State]) -> bool:
    """Whether our mark is the last one; a message that is `Queued` again was settled before."""
    marked = each.result.marked
    state = states.get(marked.claimed.key)
    return state is not None and state.mark == marked.mark and state.status is not Status.QUEUED


def _step(each: Settled, state: State) -> Step | None:
    if state.status is Status.SENDING:
        return _take(state, each.verdict, each.result.at)
    if each.verdict.to is Status.SENT and state.sent_at is None:
        # A receipt was here first: it tells where the message stands, we tell when it left.
        return Step(replace(state, **each.verdict.changes))
    return None


def _take(state: State, verdict: Verdict, at: datetime) -> Step:
    return progress.step(state, verdict.to, verdict.fact, at, verdict.detail, **verdict.changes)


def _job(each: Settled, state: State) -> Job | Later:
    job, delay = each.result.marked.claimed.job, each.verdict.delay
    return job if delay is None or state.status is not Status.SENDING else Later(job, delay)


async def _jobs(tx: Tx, owner: UUID, jobs: Sequence[Job | Later]) -> None:
    if done := [job for job in jobs if isinstance(job, Job)]:
        await lanes.finish(tx, done)
    if later := [job for job in jobs if isinstance(job, Later)]:
        await lanes.retry(tx, owner, later)


def _is_late(state: State | None, each: Claimed, now: datetime) -> bool:
    queued = state is not None and state.status is Status.QUEUED
    return queued and each.text.expires_at <= now


def _again(reason: Mapping[str, object], wait: timedelta, attempts: int) -> Verdict:
    changes = {"attempts": attempts, "device_id": None}
    return Verdict(Status.QUEUED, Type.REQUEUED, reason, changes, wait)


def _expired(reason: Mapping[str, object] | None) -> Verdict:
    changes = {"error_code": EXPIRED, "error_message": LATE}
    return Verdict(Status.EXPIRED, Type.EXPIRED, reason, changes)


def _reason(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message}
