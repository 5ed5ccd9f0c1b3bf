"""What people wrote back, for the account that wrote to them."""

from collections.abc import Sequence
from uuid import UUID

from waypost.kit import ids
from waypost.kit.db import Tx
from waypost.kit.errors import Invalid
from waypost.messages import store_inbound as store
from waypost.messages.store_inbound import Received

PREFIX = "inb"


async def newest(
    tx: Tx, account_id: int, cursor: str | None, most: int
) -> tuple[Sequence[Received], str | None]:
    """A page, newest first, and where to go on: the cursor is the id of the last one."""
    before = None if cursor is None else _before(cursor)
    rows = await store.page(tx, account_id, before, most + 1)
    page = rows[:most]
    return page, show_id(page[-1].id) if len(rows) > most else None


def show_id(id: UUID) -> str:
    """The id as it is shown: `inb_` and 32 hexadecimal digits."""
    return ids.show(PREFIX, id)


def _before(cursor: str) -> UUID:
    id = ids.parse(PREFIX, cursor)
    if id is None:
        raise Invalid.field("cursor", "is not one that this API gave")
    return id
