"""The table of docs/statuses.md, from the code that decides: `python tools/statuses_table.py`."""

import sys

from waypost.messages.model import ERRORS, STEPS, Status, is_complete

HEAD = (
    "| Status | `is_complete` | `is_error` | may become | may become, with a refund |",
    "|---|---|---|---|---|",
)


def table() -> str:
    """Every status and the steps from it, in Markdown."""
    return "\n".join([*HEAD, *map(_row, Status)])


def _row(status: Status) -> str:
    cells = (
        f"`{status}`",
        _complete(status),
        "yes" if status in ERRORS else "no",
        _steps(status, refunded=False),
        _steps(status, refunded=True),
    )
    return f"| {' | '.join(cells)} |"


def _steps(before: Status, refunded: bool) -> str:
    after = [to for source, to in STEPS if source is before]
    return ", ".join(f"`{to}`" for to in after if STEPS[before, to] is refunded) or "–"


def _complete(status: Status) -> str:
    if is_complete(status, is_over=False):
        return "yes"
    return "once its time is over" if is_complete(status, is_over=True) else "no"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
