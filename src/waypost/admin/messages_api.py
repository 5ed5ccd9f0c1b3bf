"""Messages of every account, for administrators."""

from typing import Annotated, Any

from fastapi import Query as QueryOf

from waypost.accounts.guard import Admin
from waypost.kit.asks import BodyId, PerPage
from waypost.kit.page import MAX_PER_PAGE
from waypost.kit.routing import Db, contract_router
from waypost.messages import find, show
from waypost.messages.answers import AllMessagesAnswer
from waypost.messages.filters import FilterQuery

router = contract_router("/api/admin/messages", "Admin")


class AllQuery(FilterQuery):
    """Which messages of which account; `cursor` goes on from a page's `next_cursor`."""

    user_id: BodyId | None = None
    per_page: PerPage = 10
    cursor: str | None = None


@router.get("", response_model=AllMessagesAnswer)
async def messages(db: Db, _: Admin, query: Annotated[AllQuery, QueryOf()]) -> dict[str, Any]:
    """Newest first."""
    most = min(query.per_page, MAX_PER_PAGE)
    async with db.read() as tx:
        found, after = await find.newest(tx, query.filter(), query.user_id, query.cursor, most)
    return {
        "messages": [{"user_id": user, **show.message(message)} for user, message in found],
        "next_cursor": after,
    }
