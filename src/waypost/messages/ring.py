"""Look at the messages whose alarms are due: queue what was scheduled, end what is late."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from waypost.credits import ledger
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import alarms, progress, requeue, store_control
from waypost.messages import store_alarms as store
from waypost.messages import store_progress as states
from waypost.messages.model import Status
from waypost.messages.progress import Step, keys
from waypost.messages.store_control import Waiting
from waypost.messages.store_progress import Key, State
from waypost.queue import lanes
from waypost.queue.model import Lane

AT_ONCE = 500
AGAIN = timedelta(minutes=1)
"""How long after its deadline a message on the wire is looked at once more."""


@dataclass(frozen=True, slots=True)
class Rung:
    """How many alarms were looked at, where messages were queued, and how many expired."""

    alarms: int = 0
    lanes: frozenset[Lane] = frozenset()
    expired: int = 0


@dataclass(frozen=True, slots=True)
class _Look:
    """What is to be done with a message now, and when to look again (None: never)."""

    waiting: Waiting
    step: Step | None
    again: datetime | None


async def is_due(tx: Tx, now: datetime) -> bool:
    """Whether there is anything to be rung: one look at one index."""
    return await store.is_any_due(tx, now)


async def ring(tx: Tx, clock: Clock, most: int = AT_ONCE) -> Rung:
    """Do what is due for up to `most` messages. Of one account one worker rings at a time."""
    await states.plan_anew(tx)
    due = await store.take_due(tx, clock.now(), most)
    if not due:
        return Rung()
    waiting = {each.key: each for each in await store_control.waiting(tx, due)}
    accounts = {account_id for account_id, _ in waiting}
    doors = await requeue.doors(tx, accounts)
    wallets = await ledger.lock(tx, accounts)
    found = await states.lock(tx, keys(list(waiting)))
    now = clock.now()
    looks = [_look(found[key], waiting[key], now) for key in due if key in found]
    await progress.write(tx, wallets, [look.step for look in looks if look.step], now)
    queued = sorted(_those(looks, Status.QUEUED), key=_turn)
    late = _those(looks, Status.EXPIRED)
    await requeue.push(tx, queued, doors)
    if late:
        await lanes.withdraw(tx, [each.about for each in late])
    await _set_alarms(tx, due, looks)
    return Rung(len(due), frozenset(doors.lane_of(each) for each in queued), len(late))


async def _set_alarms(tx: Tx, due: Sequence[Key], looks: Sequence[_Look]) -> None:
    again = {look.waiting.key: look.again for look in looks if look.again is not None}
    await alarms.set(tx, [(*key, at) for key, at in again.items()])
    await store.drop(tx, [key for key in due if key not in again])


def _those(looks: Sequence[_Look], status: Status) -> list[Waiting]:
    """The messages that are led to this status."""
    return [look.waiting for look in looks if look.step and look.step.after.status is status]


def _turn(waiting: Waiting) -> tuple[datetime | None, int]:
    """Of what is due at the same moment, what was accepted first goes first."""
    return waiting.send_at, waiting.number


def _look(state: State, waiting: Waiting, now: datetime) -> _Look:
    match state.status:
        case Status.SCHEDULED | Status.QUEUED if waiting.expires_at <= now:
            return _Look(waiting, progress.expired(state, now), None)
        case Status.SCHEDULED if not state.is_held:
            queued = progress.step(state, Status.QUEUED, Type.QUEUED, now)
            return _Look(waiting, queued, waiting.expires_at)
        case Status.SCHEDULED | Status.QUEUED:
            return _Look(waiting, None, waiting.expires_at)
        case Status.SENDING:
            # It may come back to the queue; what its answer leads to, others settle.
            return _Look(waiting, None, max(waiting.expires_at, now + AGAIN))
    return _Look(waiting, None, None)
