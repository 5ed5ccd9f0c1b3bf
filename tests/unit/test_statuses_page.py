"""The page that customers read says what the code does."""

import re
import subprocess
import sys
from pathlib import Path

from tools.statuses_table import table

from waypost.messages.model import STEPS, Status

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "statuses.md").read_text("utf-8")


def test_the_page_holds_the_table_of_the_code() -> None:
    assert table() in PAGE, "renew it with: python tools/statuses_table.py"


def test_the_tool_prints_the_table() -> None:
    command = [sys.executable, "tools/statuses_table.py"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == table()


def test_every_step_stands_once_in_the_table() -> None:
    rows = [re.findall(r"`(\w+)`", row) for row in table().splitlines()[2:]]
    steps = [(before, after) for before, *others in rows for after in others]

    assert [before for before, *_ in rows] == list(Status)
    assert sorted(steps) == sorted(STEPS)


def test_the_page_speaks_of_every_status() -> None:
    prose = PAGE.replace(table(), "")

    assert [status for status in Status if f"`{status}`" not in prose] == []
