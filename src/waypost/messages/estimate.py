"""When a message will leave: by its place in the queue, and by what its pool's devices carry."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from waypost.devices import capacity
from waypost.kit.db import Tx
from waypost.messages.model import Message, Status
from waypost.messages.reference import reference
from waypost.queue import lanes
from waypost.queue.model import lane_of


@dataclass(frozen=True, slots=True)
class Estimate:
    """A message's place in its pool's queue (1 = next), and when it will leave."""

    position: int | None = None
    send_at: datetime | None = None


NEVER = Estimate()
"""Of what is not in the queue, or is kept there."""


async def of(tx: Tx, account_id: int, message: Message, now: datetime) -> Estimate:
    """When the message will leave; what is past waiting costs no query."""
    if message.is_held:
        return NEVER
    match message.status:
        case Status.SCHEDULED:
            return Estimate(None, message.send_at)
        case Status.QUEUED:
            return await _of_queued(tx, account_id, message, now)
    return NEVER


async def _of_queued(tx: Tx, account_id: int, message: Message, now: datetime) -> Estimate:
    about = reference(account_id, message.kind, message.recipient, message.id)
    position = await lanes.place_of(tx, lane_of(message.pool_id), about)
    if position is None:
        return NEVER
    ahead = position - 1
    rate = await capacity.rate(tx, message.pool_id, now, ahead)
    return Estimate(position, leaves_at(ahead, rate, now, message.expires_at))


def leaves_at(ahead: int, rate: float, now: datetime, expires_at: datetime) -> datetime | None:
    """When a message leaves that has so many ahead of it; None if it would expire before."""
    seconds = ahead / rate if rate else inf
    left = (expires_at - now).total_seconds()
    return now + timedelta(seconds=seconds) if seconds < left else None
