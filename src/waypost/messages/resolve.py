"""A person's word on a message that is `Uncertain`."""

from datetime import datetime
from uuid import UUID

from waypost.credits import ledger
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.messages import progress
from waypost.messages import store_progress as store
from waypost.messages.model import Status
from waypost.messages.outcomes import UNCERTAIN
from waypost.messages.progress import Step
from waypost.messages.store_progress import State

FACTS = {
    Status.SENT: Type.SENT,
    Status.DELIVERED: Type.DELIVERED,
    Status.READ: Type.READ,
    Status.FAILED: Type.FAILED,
}
"""What a person may say that became of it."""

DID_NOT_ARRIVE = "An administrator found that it did not arrive."


async def resolve(tx: Tx, account_id: int, message_id: UUID, outcome: Status, clock: Clock) -> bool:
    """Write what became of it, one of `FACTS`; a failure refunds. False: it is not `Uncertain`."""
    wallets = await ledger.lock(tx, {account_id}) if outcome is Status.FAILED else {}
    states = await store.lock(tx, [(account_id, message_id)])
    state = states.get((account_id, message_id))
    if state is None or state.status is not Status.UNCERTAIN:
        return False
    now = clock.now()
    await progress.write(tx, wallets, [_step(state, outcome, now)], now)
    return True


def _step(state: State, outcome: Status, now: datetime) -> Step:
    changes: dict[str, object]
    match outcome:
        case Status.SENT:
            changes = {"sent_at": state.marked_at}
        case Status.DELIVERED:
            changes = {"delivered_at": now}
        case Status.READ:
            changes = {"read_at": now}
        case _:
            changes = {"error_code": UNCERTAIN, "error_message": DID_NOT_ARRIVE}
    return progress.step(state, outcome, FACTS[outcome], now, {"resolved": True}, **changes)
