"""Queue messages that waited outside of the queue: what has become due, what is resumed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from waypost.accounts import directory
from waypost.devices import pools
from waypost.kit.db import Tx
from waypost.messages import store_control as store
from waypost.messages.store_control import Waiting
from waypost.queue import lanes
from waypost.queue.lanes import Pushed
from waypost.queue.model import Entry, Lane, lane_of


@dataclass(frozen=True, slots=True)
class Doors:
    """Through which pool each account sends now, and with what share of it."""

    pools: Mapping[int, int]
    weights: Mapping[int, int]

    def lane_of(self, waiting: Waiting) -> Lane:
        return lane_of(self.pool_of(waiting))

    def pool_of(self, waiting: Waiting) -> int:
        return self.pools.get(waiting.account_id, waiting.pool_id)


async def doors(tx: Tx, account_ids: Collection[int]) -> Doors:
    """Where the accounts' messages are queued now; these pools stay until the transaction ends.

    The pool that a message was accepted for may be gone, or no longer its account's.
    """
    ids = sorted(account_ids)
    found = await directory.pools(tx, ids)
    await pools.counts(tx, sorted(set(found.values())))
    return Doors(found, await directory.weights(tx, ids))


async def push(tx: Tx, waiting: Sequence[Waiting], doors: Doors) -> Pushed:
    """Queue these messages, in this order; their wallets and they themselves are locked."""
    moved = [each for each in waiting if doors.pool_of(each) != each.pool_id]
    if moved:
        await store.move(tx, [m.key for m in moved], [doors.pool_of(m) for m in moved])
    return await lanes.push(
        tx, [Entry(doors.lane_of(w), w.about, doors.weights[w.account_id]) for w in waiting]
    )
