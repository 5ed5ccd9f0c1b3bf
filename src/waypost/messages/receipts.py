"""What the network tells later: late, repeated or disordered news never undoes anything."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from msgspec.structs import replace

from waypost.credits import ledger
from waypost.drivers.port import Delivered, Failed, Read
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import progress
from waypost.messages import store_progress as store
from waypost.messages.model import Status, may_step
from waypost.messages.progress import Step, keys
from waypost.messages.store_progress import Key, State

Receipt = Delivered | Read | Failed


async def apply(tx: Tx, receipts: Sequence[Receipt], clock: Clock) -> list[Receipt]:
    """Write receipts, in their order; returns those that told something new."""
    await store.plan_anew(tx)
    refunded = {r.ref.account_id for r in receipts if isinstance(r, Failed)}
    wallets = await ledger.lock(tx, refunded) if refunded else {}
    states = await store.lock(tx, keys([_key(receipt) for receipt in receipts]))
    steps, news = [], []
    for receipt in receipts:
        key = _key(receipt)
        step = advance(states[key], receipt) if key in states else None
        if step is not None:
            states[key] = step.after
            steps.append(step)
            news.append(receipt)
    await progress.write(tx, wallets, steps, clock.now())
    return news


def advance(state: State, receipt: Receipt) -> Step | None:
    """The step that a receipt leads to, if it tells something new."""
    match receipt:
        case Delivered(at=at) if state.status is Status.READ and state.delivered_at is None:
            # Late, but true: only the time is added.
            return Step(replace(state, delivered_at=at))
        case Delivered(at=at):
            return _step(state, receipt, Status.DELIVERED, Type.DELIVERED, None, delivered_at=at)
        case Read(at=at):
            return _step(state, receipt, Status.READ, Type.READ, None, read_at=at)
        case Failed(code=code, message=message):
            error = {"error_code": code, "error_message": message}
            reason = {"code": code, "message": message}
            return _step(state, receipt, Status.FAILED, Type.FAILED, reason, **error)
        case _:
            assert_never(receipt)


def _step(
    state: State,
    receipt: Receipt,
    to: Status,
    fact: Type,
    detail: Mapping[str, object] | None,
    **changes: Any,
) -> Step | None:
    # News of an earlier attempt says nothing about a message that waits for its next one.
    if state.status is Status.QUEUED or not may_step(state.status, to):
        return None
    return progress.step(state, to, fact, receipt.at, detail, **changes)


def _key(receipt: Receipt) -> Key:
    return receipt.ref.account_id, receipt.ref.message_id
