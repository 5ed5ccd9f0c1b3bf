"""The ledger of an account as people read it."""

from pydantic import BaseModel

from waypost.credits import ledger
from waypost.credits.model import Entry
from waypost.kit.asks import CursorQuery
from waypost.kit.db import Tx
from waypost.kit.ids import show
from waypost.kit.page import write_cursor
from waypost.kit.routing import zulu


class EntryAnswer(BaseModel):
    """Credits that came (positive) or went, and the balance they left."""

    number: int
    kind: str
    amount: int
    balance: int
    queue_id: str | None
    reason: str | None
    at: str


class StatementAnswer(BaseModel):
    """Ledger entries, newest first; `next_cursor` is null on the last page."""

    entries: list[EntryAnswer]
    next_cursor: str | None


async def read(tx: Tx, account_id: int, query: CursorQuery) -> StatementAnswer:
    """A page of the account's statement."""
    ask = query.ask()
    page = await ledger.statement(tx, account_id, ask.cursor, ask.per_page)
    entries = [_shown(entry) for entry in page.rows]
    return StatementAnswer(entries=entries, next_cursor=write_cursor(page.next))


def _shown(entry: Entry) -> EntryAnswer:
    return EntryAnswer(
        number=entry.number,
        kind=entry.kind,
        amount=entry.delta,
        balance=entry.balance,
        queue_id=entry.message_id and show("msg", entry.message_id),
        reason=entry.reason,
        at=zulu(entry.at),
    )
