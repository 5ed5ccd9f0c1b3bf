"""Take messages back before they leave, with their credits."""

from collections.abc import Sequence

from waypost.credits import ledger
from waypost.events.model import Type
from waypost.kit.clock import Clock
from waypost.kit.db import Tx
from waypost.kit.errors import Conflict
from waypost.messages import batches, find, progress, store_alarms, store_control
from waypost.messages import store_progress as store
from waypost.messages.batches import Progress
from waypost.messages.model import Message, Status, may_step
from waypost.messages.progress import keys
from waypost.messages.store_batches import NO_CLOCKS, State
from waypost.messages.store_control import Waiting
from waypost.messages.store_progress import Key
from waypost.queue import lanes

TOO_LATE = {
    Status.SENDING: "The message is on the wire: it can no longer be cancelled.",
    Status.UNCERTAIN: "The message left, and its answer never came: it cannot be cancelled.",
    Status.CANCELLED: "The message was cancelled before.",
    Status.FAILED: "The message has failed: there is nothing to cancel.",
    Status.EXPIRED: "The message has expired: there is nothing to cancel.",
}
SENT = "The message was sent: it can no longer be cancelled."


async def cancel(tx: Tx, account_id: int, queue_id: str, clock: Clock) -> Message:
    """Cancel the account's message and return it; refused where it may have left."""
    found = await find.message(tx, account_id, queue_id)
    if not await _take_back(tx, account_id, [(account_id, found.id)], clock):
        now = await find.message(tx, account_id, queue_id)
        raise Conflict(TOO_LATE.get(now.status, SENT))
    return await find.message(tx, account_id, queue_id)


async def cancel_batch(tx: Tx, account_id: int, batch_id: str, clock: Clock) -> Progress:
    """Cancel what of a batch has not left; nothing is done where it is cancelled already."""
    found = await batches.lock(tx, account_id, batch_id, clock.now())
    if found.state == "cancelled":
        return found
    batches.refuse_what_is_over(found)
    all = await batches.keys(tx, account_id, found.batch)
    taken = await _take_back(tx, account_id, all, clock)
    await batches.wind_back(tx, account_id, found.batch, taken)
    return await batches.decide(tx, account_id, found, State.CANCELLED, NO_CLOCKS, clock.now())


async def _take_back(tx: Tx, account_id: int, all: Sequence[Key], clock: Clock) -> list[Waiting]:
    """Cancel and refund those of the account's messages that have not left."""
    await store.plan_anew(tx)
    await store_alarms.hold(tx, all)
    wallets = await ledger.lock(tx, {account_id})
    states = await store.lock(tx, keys(all))
    waiting = {each.key: each for each in await store_control.waiting(tx, all)}
    now = clock.now()
    steps = {
        key: progress.step(state, Status.CANCELLED, Type.CANCELLED, now)
        for key, state in states.items()
        if may_step(state.status, Status.CANCELLED)
    }
    taken = [waiting[key] for key in steps]
    await progress.write(tx, wallets, list(steps.values()), now)
    await lanes.withdraw(tx, [each.about for each in taken])
    await store_alarms.drop(tx, list(steps))
    return taken
