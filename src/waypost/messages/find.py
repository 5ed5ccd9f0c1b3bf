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
NO_MESSAGE = "There is no message by that queue_id."


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
        raise NotFound(NO_MESSAGE)
    return found


async def of_anybody(tx: Tx, queue_id: str) -> tuple[int, Message]:
    """A message and whose it is, for administrators."""
    id = parse_id(queue_id)
    account_id = None if id is None else await store.owner(tx, id)
    if account_id is None:
        raise NotFound(NO_MESSAGE)
    return account_id, await message(tx, account_id, queue_id)


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
    """Page N is a range of running numbers, whatever N; those that were dropped are no page."""
    newest, dropped = await store.numbers(tx, account_id)
    last = newest - (ask.page - 1) * ask.per_page
    if last <= dropped:
        return History((), newest - dropped, None)
    before = max(last - ask.per_page, dropped)
    rows = await store.between(tx, account_id, before, last)
    return History(rows, newest - dropped, _next(rows, more=before > dropped))


async def _counted(tx: Tx, account_id: int, wanted: Filter, ask: PageAsk) -> History:
    total = await _total(tx, account_id, wanted)
    skip = (ask.page - 1) * ask.per_page
    if skip >= total:
        return History((), total, None)
    rows = await store.filtered(tx, account_id, wanted, None, ask.per_page + 1, skip)
    return _cut(rows, total, ask)


async def _after_cursor(
    tx: Tx, account_id: int, wanted: Filter, ask: PageAsk, cursor: int
) -> History:
    total = await _total(tx, account_id, wanted)
    rows = await store.filtered(tx, account_id, wanted, cursor, ask.per_page + 1)
    return _cut(rows, total, ask)


async def _total(tx: Tx, account_id: int, wanted: Filter) -> int:
    if not wanted.is_open:
        return await store.count(tx, account_id, wanted, COUNTED_UP_TO)
    newest, dropped = await store.numbers(tx, account_id)
    return newest - dropped


def _cut(rows: Sequence[Message], total: int, ask: PageAsk) -> History:
    page = rows[: ask.per_page]
    return History(page, total, _next(page, more=len(rows) > ask.per_page))


def _next(rows: Sequence[Message], more: bool) -> int | None:
    return rows[-1].number if rows and more else None
