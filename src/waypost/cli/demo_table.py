"""What the demo shows: messages on their way, history, the ledger, the facts of one message."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

COLOURS = {
    "Queued": "dim",
    "Sending": "yellow",
    "Sent": "cyan",
    "Delivered": "blue",
    "Read": "green",
    "Failed": "red",
    "Expired": "red",
}
SHOWN_TEXT = 32


@dataclass(slots=True)
class Tracked:
    """One message, the end that its number gives it, and where it stands."""

    number: str
    story: str
    end: str
    queue_id: str = ""
    status: str = "Queued"
    attempts: int = 0
    error: str | None = None
    seconds: float = 0.0

    @property
    def is_at_end(self) -> bool:
        return self.status == self.end

    def note(self, answer: dict[str, Any], seconds: float) -> None:
        """Take over what message-status says, `seconds` after the first send."""
        if answer["status"] != self.status:
            self.seconds = seconds
        self.status = answer["status"]
        self.attempts = answer["attempts"]
        self.error = answer["error_message"]


class Board(AbstractContextManager["Board"]):
    """A live table on a terminal; elsewhere a line for each message that reaches its end."""

    def __init__(self, console: Console, messages: Sequence[Tracked]) -> None:
        self._console = console
        self._messages = messages
        self._told: set[str] = set()
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> "Board":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self) -> None:
        """Bring it up to date."""
        if self._live is not None:
            self._live.update(messages_table(self._messages), refresh=True)
            return
        for message in self._messages:
            if message.is_at_end and message.number not in self._told:
                self._told.add(message.number)
                self._console.print(_line(message), soft_wrap=True, markup=False)


def messages_table(messages: Iterable[Tracked]) -> Table:
    """Every message and where it stands."""
    table = Table("To", "This number", "Status", "Tries", "After", title="Messages")
    for each in messages:
        after = f"{each.seconds:.1f} s" if each.seconds else ""
        table.add_row(each.number, each.story, coloured(each.status), str(each.attempts), after)
    return table


def history_table(messages: Iterable[dict[str, Any]], pagination: dict[str, int]) -> Table:
    """A page of history, newest first."""
    caption = "page {page} of {pages}, {total} messages in all".format(**pagination)
    table = Table("Message", "To", "Text", "Status", title="History", caption=caption)
    for each in messages:
        text = each["message"][:SHOWN_TEXT]
        table.add_row(_short(each["queue_id"]), each["number"], text, coloured(each["status"]))
    return table


def ledger_table(entries: Iterable[dict[str, Any]]) -> Table:
    """A statement, newest first; refunds stand out."""
    table = Table("No.", "Kind", "Credits", "Balance", "Message", title="Ledger")
    for each in entries:
        style = "bold green" if each["kind"] == "refund" else None
        amount, balance = f"{each['amount']:+}", str(each["balance"])
        message = _short(each["queue_id"] or "")
        table.add_row(str(each["number"]), each["kind"], amount, balance, message, style=style)
    return table


def events_table(events: Iterable[dict[str, Any]]) -> Table:
    """What happened to one message, in order."""
    table = Table("No.", "At", "Fact", title="One message's facts")
    for each in events:
        table.add_row(str(each["number"]), each["at"], each["type"])
    return table


def coloured(status: str) -> str:
    """A status as Rich markup."""
    return f"[{COLOURS.get(status, 'default')}]{status}[/]"


def _line(message: Tracked) -> str:
    said = f": {message.error}" if message.error else ""
    return f"  {message.number}  {message.status} after {message.seconds:.1f} s{said}"


def _short(queue_id: str) -> str:
    return f"…{queue_id[-8:]}" if queue_id else ""
