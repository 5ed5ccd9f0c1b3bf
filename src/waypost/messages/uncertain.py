"""Messages whose answer never came: given up when it is time, and then as the account rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.accounts import directory
from waypost.accounts.model import OnUncertain
from waypost.credits import ledger
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import progress
from waypost.messages import store_progress as store
from waypost.messages.model import Status
from waypost.messages.outcomes import UNCERTAIN, Claimed
from waypost.messages.progress import Step, keys
from waypost.messages.store_progress import State
from waypost.queue import lanes
from waypost.queue.model import Later

NO_ANSWER = "It left, and the answer never came."
AT_ONCE = timedelta(0)

_REASON = {"code": UNCERTAIN, "message": NO_ANSWER}


@dataclass(frozen=True, slots=True)
class _Look:
    """What becomes of a claimed message: its steps, and after what wait its job comes again."""

    steps: tuple[Step, ...] = ()
    wait: timedelta | None = None


async def look(
    tx: Tx, owner: UUID, claimed: Sequence[Claimed], clock: Clock, after: timedelta
) -> int:
    """Give up what nobody has heard of for so long after its mark; says how many that were.

    The jobs of the others come again when it is time for them.
    """
    await store.plan_anew(tx)
    rules = await directory.policies(tx, {each.text.account_id for each in claimed})
    paying = {id for id, rule in rules.items() if rule == "fail"}
    wallets = await ledger.lock(tx, paying) if paying else {}
    states = await store.lock(tx, keys([each.key for each in claimed]))
    now = clock.now()
    looks = [
        (each.job, _look(each, states.get(each.key), rules.get(each.text.account_id), now, after))
        for each in claimed
    ]
    await progress.write(tx, wallets, [step for _, seen in looks for step in seen.steps], now)
    if over := [job for job, seen in looks if seen.wait is None]:
        await lanes.finish(tx, over)
    if later := [Later(job, seen.wait) for job, seen in looks if seen.wait is not None]:
        await lanes.retry(tx, owner, later)
    return sum(bool(seen.steps) for _, seen in looks)


def _look(
    each: Claimed, state: State | None, rule: OnUncertain | None, now: datetime, after: timedelta
) -> _Look:
    if state is not None and state.status is Status.QUEUED:
        return _queued(state)
    if state is None or state.status is not Status.SENDING:
        return _Look()
    wait = (state.marked_at or now) + after - now
    if wait > AT_ONCE:
        return _Look(wait=wait)
    lost = progress.step(state, Status.UNCERTAIN, Type.UNCERTAIN, now, {"message": NO_ANSWER})
    if rule == "fail":
        return _Look((lost, _failed(lost.after, now)))
    if rule == "resend" and now < each.text.expires_at:
        again = _again(lost.after, now)
        return _Look((lost, again), _queued(again.after).wait)
    return _Look((lost,))


def _queued(state: State) -> _Look:
    """Its job stays, with its place in the chain; a paused batch queues its messages itself."""
    return _Look(wait=None if state.is_held else AT_ONCE)


def _again(state: State, now: datetime) -> Step:
    return progress.step(state, Status.QUEUED, Type.REQUEUED, now, _REASON)


def _failed(state: State, now: datetime) -> Step:
    error = {"error_code": UNCERTAIN, "error_message": NO_ANSWER}
    return progress.step(state, Status.FAILED, Type.FAILED, now, _REASON, **error)
