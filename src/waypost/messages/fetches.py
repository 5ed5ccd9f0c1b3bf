"""Files of what people wrote to us, which are still to be fetched from their provider."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from waypost.kit.db import Tx
from waypost.messages import store_fetches as store
from waypost.messages.wanted import Wanted

WORTH = timedelta(days=7)
"""The provider keeps a file no longer."""

TOO_LATE = "It could not be fetched in the seven days for which the provider keeps it."
GIVEN_UP_AT_ONCE = 1000


async def due(
    tx: Tx, device_ids: Sequence[int], now: datetime, without: Sequence[UUID], most: int
) -> list[Wanted]:
    """Files that these devices are to fetch now, but for those `without`; the oldest first."""
    return await store.due(tx, device_ids, now, without, most)


async def kept(tx: Tx, wanted: Wanted, media_id: UUID) -> None:
    """It is here, kept under this id."""
    await store.kept(tx, wanted.inbound_id, media_id)


async def lost(tx: Tx, wanted: Wanted, trouble: str) -> None:
    """It will never be here, and `trouble` says why; unless another worker has it by now."""
    await store.lost(tx, wanted.inbound_id, trouble)


async def put_off(tx: Tx, wanted: Wanted, until: datetime, trouble: str) -> None:
    """It is to be tried again then; `trouble` is why it is not here yet."""
    await store.put_off(tx, wanted.inbound_id, until, trouble)


async def give_up(tx: Tx, now: datetime) -> bool:
    """End those that came too long ago, also of devices that are gone; says whether there are
    more."""
    ended = await store.give_up(tx, now - WORTH, TOO_LATE, GIVEN_UP_AT_ONCE)
    return ended == GIVEN_UP_AT_ONCE
