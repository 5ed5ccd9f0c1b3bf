"""How a message moves on: a step from one state to the next, its fact, and its refund."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from waypost.credits import ledger
from waypost.credits.model import PRICE, Kind, Move, Wallet
from waypost.events import log as facts
from waypost.events.model import Event, Type
from waypost.kit.db import Tx
from waypost.messages import store_progress as store
from waypost.messages.model import ENDS, Status, may_step, refunds
from waypost.messages.outcomes import EXPIRED
from waypost.messages.store_progress import Key, State

Wallets = dict[int, Wallet]

EXPIRY: Mapping[str, Any] = {
    "error_code": EXPIRED,
    "error_message": "It could not be sent before it expired.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """The state that a message comes to, the fact that tells of it, and whether it refunds."""

    after: State
    fact: Event | None = None
    refunds: bool = False


def step(
    before: State,
    to: Status,
    fact: Type,
    at: datetime,
    detail: Mapping[str, object] | None = None,
    **changes: Any,
) -> Step:
    """A step of the published table; `changes` are the other fields that it sets."""
    number = before.facts + 1
    after = replace(before, status=to, facts=number, **changes)
    event = Event(before.account_id, before.id, number, fact, at, detail)
    # Marking again what is Sending already is no step between statuses, nor is news of what ended.
    return Step(after, event, before.status is not to and refunds(before.status, to))


def left(before: State, at: datetime, **changes: Any) -> Step | None:
    """The step that proof of its leaving leads to, wherever it stands; None where that is known."""
    if before.sent_at is not None:
        return None
    changes["sent_at"] = at
    if before.status in ENDS:
        # It ended for us, with a refund: that stands, and the news is kept.
        return step(before, before.status, Type.SENT, at, None, **changes)
    if may_step(before.status, Status.SENT):
        return step(before, Status.SENT, Type.SENT, at, None, **changes)
    # A receipt was here first: it tells where the message stands, this tells when it left.
    return Step(replace(before, **changes))


def expired(before: State, at: datetime) -> Step:
    """Its time to be sent is over."""
    return step(before, Status.EXPIRED, Type.EXPIRED, at, None, **EXPIRY)


async def write(tx: Tx, wallets: Wallets, steps: Sequence[Step], at: datetime) -> None:
    """Write the steps; of one message's several, the last one's state stands.

    The messages are locked; so are the wallets of those that get a refund.
    """
    if not steps:
        return
    last = {(s.after.account_id, s.after.id): s.after for s in steps}
    await store.write(tx, list(last.values()), at)
    await facts.append(tx, [s.fact for s in steps if s.fact is not None])
    await ledger.move(tx, wallets, [_refund(s.after) for s in steps if s.refunds], at)


def keys(accounts_and_ids: Sequence[tuple[int, UUID]]) -> list[Key]:
    """Each once, in the order in which every transaction locks messages."""
    return sorted(set(accounts_and_ids))


def _refund(state: State) -> Move:
    return Move(state.account_id, PRICE, Kind.REFUND, state.id, reason=state.error_code)
