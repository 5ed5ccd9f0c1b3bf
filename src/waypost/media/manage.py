"""Files that go: by their owner's word, or when their time is over."""

from datetime import datetime

from waypost.kit import files
from waypost.kit.db import Tx
from waypost.media import store
from waypost.media.errors import NoSuchFile

PRUNED_AT_ONCE = 10
"""A gigabyte at most, so that it is soon done."""


async def delete(tx: Tx, account_id: int, media_id: str) -> None:
    """Forget one; a message that still has to go with it fails."""
    id = files.parse_id(media_id)
    if id is None or not await store.delete(tx, account_id, id):
        raise NoSuchFile


async def prune(tx: Tx, now: datetime) -> bool:
    """Forget those whose time is over; says whether there is more."""
    return await store.prune(tx, now, PRUNED_AT_ONCE) == PRUNED_AT_ONCE
