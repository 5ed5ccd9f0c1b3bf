"""Messages of every account, for administrators."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query as QueryOf

from waypost.accounts.guard import Admin
from waypost.admin.messages import Outcome, resolve
from waypost.kit.asks import BodyId, PerPage
from waypost.kit.page import MAX_PER_PAGE
from waypost.kit.routing import Body, Db, Time, contract_router
from waypost.messages import find, show
from waypost.messages.answers import AccountMessageAnswer, AllMessagesAnswer
from waypost.messages.filters import FilterQuery
from waypost.messages.model import Message

router = contract_router("/api/admin/messages", "Admin")


class AllQuery(FilterQuery):
    """Which messages of which account; `cursor` goes on from a page's `next_cursor`."""

    user_id: BodyId | None = None
    per_page: PerPage = 10
    cursor: str | None = None


class ResolveBody(Body):
    """What became of it."""

    outcome: Outcome


@router.get("", response_model=AllMessagesAnswer)
async def messages(
    db: Db, time: Time, _: Admin, query: Annotated[AllQuery, QueryOf()]
) -> dict[str, Any]:
    """Newest first."""
    most = min(query.per_page, MAX_PER_PAGE)
    async with db.read() as tx:
        found, after = await find.newest(tx, query.filter(), query.user_id, query.cursor, most)
    return {
        "messages": [_shown(user, message, time.now()) for user, message in found],
        "next_cursor": after,
    }


@router.post("/{queue_id}/resolve", response_model=AccountMessageAnswer)
async def resolve_message(
    db: Db, time: Time, me: Admin, queue_id: str, body: ResolveBody
) -> dict[str, Any]:
    """Say what became of a message whose answer never came; its credit comes back if it failed."""
    user, found = await resolve(db, time, me.account_id, queue_id, body.outcome)
    return _shown(user, found, time.now())


def _shown(user: int, message: Message, now: datetime) -> dict[str, Any]:
    return {"user_id": user, **show.message(message, now)}
