"""One message, its facts, and pages of history: each costs the same however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from waypost.events import log as facts
from waypost.events.model import Event
from waypost.kit.db import Tx
from waypost.kit.errors import Invalid, NotFound
from waypost.kit.page import PageAsk
from waypost.messages import store_read as store
from waypost.messages.model import Message, parse_id
from waypost.messages.store_read import Filter

COUNTED_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class History:
    """A page, how many there are (a filtered total counts up to 10,000), and where to go on."""

    messages: Sequence[Message]
    total: int
    next: int | None


async def message(tx: Tx, account_id: int, queue_id: str) -> Message:
    """The account's message; another's, or none, is not found."""
    id = parse_id(queue_id)
    found = None if id is None else await store.one(tx, account_id, id)
    if found is None:
        raise NotFound("There is no message by that queue_id.")
    return found


async def events(tx: Tx, account_id: int, queue_id: str) -> tuple[Message, list[Event]]:
    """The message and its facts in order."""
    found = await message(tx, account_id, queue_id)
    return found, await facts.of_message(tx, account_id, found.id)


async def history(tx: Tx, account_id: int, wanted: Filter, ask: PageAsk) -> History:
    """Newest first: by cursor, by number of the page, or by a filter's count."""
    if ask.cursor is not None:
        return await _after_cursor(tx, account_id, wanted, ask, ask.cursor)
    if wanted.is_open:
        return await _numbered(tx, account_id, ask)
    return await _counted(tx, account_id, wanted, ask)


async def newest(
    tx: Tx, wanted: Filter, account_id: int | None, cursor: str | None, most: int
) -> tuple[Sequence[tuple[int, Message]], str | None]:
    """Of every account, for administrators; the cursor is the last message's queue_id."""
    before = None if cursor is None else parse_id(cursor)
    if cursor is not None and before is None:
        raise Invalid.field("cursor", "is not one that this API gave")
    rows = await store.newest(tx, wanted, account_id, before, most + 1)
    page = rows[:most]
    return page, page[-1][1].queue_id if len(rows) > most else None


async def _numbered(tx: Tx, account_id: int, ask: PageAsk) -> History:
    """Page N is a range of running numbers, whatever N."""
    total = await store.total(tx, account_id)
    last = total - (ask.page - 1) * ask.per_page
    if last <= 0:
        return History((), total, None)
    rows = await store.between(tx, account_id, last - ask.per_page, last)
    return History(rows, total, _next(rows, more=last > ask.per_page))


async def _counted(tx: Tx, account_id: int, wanted: Filter, ask: PageAsk) -> History:
    total = await store.count(tx, account_id, wanted, COUNTED_UP_TO)
    skip = (ask.page - 1) * ask.per_page
    if skip >= total:
        return History((), total, None)
    rows = await store.filtered(tx, account_id, wanted, None, ask.per_page + 1, skip)
    return _cut(rows, total, ask)


async def _after_cursor(
    tx: Tx, account_id: int, wanted: Filter, ask: PageAsk, cursor: int
) -> History:
    counts = (
        store.total(tx, account_id)
        if wanted.is_open
        else store.count(tx, account_id, wanted, COUNTED_UP_TO)
    )
    total = await counts
    rows = await store.filtered(tx, account_id, wanted, cursor, ask.per_page + 1)
    return _cut(rows, total, ask)


def _cut(rows: Sequence[Message], total: int, ask: PageAsk) -> History:
    page = rows[: ask.per_page]
    return History(page, total, _next(page, more=len(rows) > ask.per_page))


def _next(rows: Sequence[Message], more: bool) -> int | None:
    return rows[-1].number if rows and more else None
