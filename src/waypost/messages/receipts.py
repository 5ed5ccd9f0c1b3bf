"""What the network tells later: late, repeated or disordered news never undoes anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from waypost.credits import ledger
from waypost.drivers.news import Delivered, Failed, Left, Read, Receipt
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import progress
from waypost.messages import store_progress as store
from waypost.messages.model import ENDS, Status, may_step
from waypost.messages.progress import Step, keys
from waypost.messages.store_progress import Key, State
from waypost.queue import lanes


async def apply(tx: Tx, receipts: Sequence[Receipt], clock: Clock) -> list[Receipt]:
    """Write receipts, in their order; returns those that told something new."""
    await store.plan_anew(tx)
    refunded = {r.ref.account_id for r in receipts if isinstance(r, Failed)}
    wallets = await ledger.lock(tx, refunded) if refunded else {}
    before = await store.lock(tx, keys([_key(receipt) for receipt in receipts]))
    after = dict(before)
    steps, news = [], []
    for receipt in receipts:
        key = _key(receipt)
        step = advance(after[key], receipt) if key in after else None
        if step is not None:
            after[key] = step.after
            steps.append(step)
            news.append(receipt)
    await progress.write(tx, wallets, steps, clock.now())
    await _withdraw(tx, [key for key in keys([_key(r) for r in news]) if _has_job(before[key])])
    return news


def advance(state: State, receipt: Receipt) -> Step | None:
    """The step that a receipt leads to, if it tells something new."""
    if state.mark == 0:  # what never left us cannot have come to anything
        return None
    match receipt:
        case Left(at=at, provider_id=provider_id):
            return progress.left(state, at, provider_id=provider_id)
        case Delivered(at=at):
            return _delivery(state, at)
        case Read(at=at) if state.read_at is None:
            return _arrival(state, Status.READ, Type.READ, at, read_at=at)
        case Read():
            return None
        case Failed():
            return _failure(state, receipt)
        case _:
            assert_never(receipt)


def _delivery(state: State, at: datetime) -> Step | None:
    if state.delivered_at is not None:
        return None
    if state.status is Status.READ:
        # Late, but true: only the time is added.
        return Step(replace(state, delivered_at=at))
    return _arrival(state, Status.DELIVERED, Type.DELIVERED, at, delivered_at=at)


def _arrival(
    state: State, to: Status, fact: Type, at: datetime, **changes: datetime
) -> Step | None:
    if state.status in ENDS:
        # It ended for us, with a refund: that stands, and the news is kept.
        return progress.step(state, state.status, fact, at, None, **changes)
    if not may_step(state.status, to):
        return None
    return progress.step(state, to, fact, at, None, **changes)


def _failure(state: State, failed: Failed) -> Step | None:
    # A failure of an earlier send says nothing about the one that is to follow, or that followed.
    if state.status is Status.QUEUED or 0 < failed.ref.mark < state.mark:
        return None
    if not may_step(state.status, Status.FAILED):
        return None
    error = {"error_code": failed.code, "error_message": failed.message}
    reason: Mapping[str, object] = {"code": failed.code, "message": failed.message}
    return progress.step(state, Status.FAILED, Type.FAILED, failed.at, reason, **error)


async def _withdraw(tx: Tx, settled: Sequence[Key]) -> None:
    """What is known to have arrived, or to have failed, is not sent again."""
    if settled:
        await lanes.withdraw(tx, await store.about(tx, settled))


def _has_job(state: State) -> bool:
    return state.status in (Status.SENDING, Status.QUEUED)


def _key(receipt: Receipt) -> Key:
    return receipt.ref.account_id, receipt.ref.message_id
