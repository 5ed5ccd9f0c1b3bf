"""Routes of what people write back."""

from typing import Annotated, Any

from fastapi import Query as QueryOf

from waypost.accounts.guard import Reader
from waypost.kit.asks import CursorQuery
from waypost.kit.page import MAX_PER_PAGE
from waypost.kit.routing import Db, contract_router
from waypost.messages import inbox, show
from waypost.messages.answers import InboxAnswer

router = contract_router("/api/messages/inbox", "Messages")


@router.get("", response_model=InboxAnswer)
async def read_inbox(
    db: Db, me: Reader, query: Annotated[CursorQuery, QueryOf()]
) -> dict[str, Any]:
    """What people wrote to you, newest first; `cursor` goes on from a page's `next_cursor`."""
    most = min(query.per_page, MAX_PER_PAGE)
    async with db.read() as tx:
        found, after = await inbox.newest(tx, me.account_id, query.cursor, most)
    return {"messages": [show.received(each) for each in found], "next_cursor": after}
