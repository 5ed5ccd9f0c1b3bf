"""Append facts to the caller's transaction; read them back; make room for those to come."""

from collections.abc import Collection, Sequence
from uuid import UUID

from waypost.events import store
from waypost.events.model import Event
from waypost.kit.db import Tx
from waypost.kit.months import Month


async def append(tx: Tx, events: Sequence[Event]) -> None:
    """Add facts in the same commit as what they tell of."""
    if events:
        await store.append(tx, events)


async def of_message(tx: Tx, account_id: int, message_id: UUID) -> list[Event]:
    """A message's facts in order."""
    return await store.of_message(tx, account_id, message_id)


async def make_partition(tx: Tx, month: Month) -> None:
    """Make room for a month."""
    await store.make_partition(tx, month)


async def shut(tx: Tx) -> None:
    """Keep everybody else out until the transaction ends; they wait, or we do, but never long."""
    await store.shut(tx)


async def replace_partition(tx: Tx, month: Month, kept: Collection[tuple[int, UUID]]) -> None:
    """Drop a month's facts, but for those of the messages (account, id) that are kept."""
    await store.replace_partition(tx, month, kept)
