"""Routes of history, facts and cancelling (sends and message-status stand in the lean lane)."""

from typing import Annotated, Any

from fastapi import Query as QueryOf
from pydantic import Field

from waypost.accounts.guard import Member, Reader
from waypost.kit.asks import Page, PerPage
from waypost.kit.page import PageAsk, pagination, write_cursor
from waypost.kit.routing import Db, Time, contract_router
from waypost.messages import find, show
from waypost.messages.answers import EventsAnswer, HistoryAnswer, StatusAnswer
from waypost.messages.cancel import cancel
from waypost.messages.estimate import NEVER
from waypost.messages.filters import FilterQuery

router = contract_router("/api/messages", "Messages")


class HistoryQuery(FilterQuery):
    """Which page of which messages."""

    page: Page = Field(1, description="Ignored where `cursor` is given; `pagination` repeats it.")
    per_page: PerPage = 10
    cursor: str | None = None


@router.get("/messages", response_model=HistoryAnswer)
async def history(
    db: Db, time: Time, me: Reader, query: Annotated[HistoryQuery, QueryOf()]
) -> dict[str, Any]:
    """Your messages, newest first; `cursor` goes on from a page's `next_cursor`."""
    ask = PageAsk.of(query.page, query.per_page, query.cursor)
    async with db.read() as tx:
        found = await find.history(tx, me.account_id, query.filter(), ask)
    return {
        "messages": [show.message(message, time.now()) for message in found.messages],
        "pagination": pagination(ask, found.total),
        "next_cursor": write_cursor(found.next),
    }


@router.get("/{queue_id}/events", response_model=EventsAnswer)
async def events(db: Db, me: Reader, queue_id: str) -> dict[str, Any]:
    """What happened to a message, in order."""
    async with db.read() as tx:
        message, facts = await find.events(tx, me.account_id, queue_id)
    return {"queue_id": message.queue_id, "events": [show.event(fact) for fact in facts]}


@router.post("/{queue_id}/cancel", response_model=StatusAnswer)
async def cancel_message(db: Db, time: Time, me: Member, queue_id: str) -> dict[str, Any]:
    """Take a message back before it leaves, with its credit."""
    found = await db.transact(lambda tx: cancel(tx, me.account_id, queue_id, time))
    return show.status(found, NEVER, time.now())
