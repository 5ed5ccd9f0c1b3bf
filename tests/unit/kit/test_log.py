"""Each process writes its logs, and those of its libraries, in one shape."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

NUMBER = "27821234567"

HEAD = """
import logging, warnings
from structlog.contextvars import bind_contextvars
from waypost.kit import log
early = log.get("waypost.early")
"""


def stderr_of(code: str) -> str:
    """What a process writes that runs this code."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def lines_of(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stderr_of(code).splitlines()]


def test_a_line_tells_when_where_and_what_in_its_context() -> None:
    [line] = lines_of("""
log.setup("info", "json", "api")
bind_contextvars(request_id="r1", account_id=7)
log.get("waypost.messages").info("send.accepted", count=2)
""")

    at = datetime.fromisoformat(line.pop("timestamp"))
    assert line == {
        "logger_name": "waypost.messages",
        "process": "api",
        "level": "info",
        "event": "send.accepted",
        "request_id": "r1",
        "account_id": 7,
        "count": 2,
    }
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


def test_a_logger_made_before_the_set_up_follows_it() -> None:
    [line] = lines_of('log.setup("info", "json", "worker"); early.warning("late")')

    assert (line["logger_name"], line["process"]) == ("waypost.early", "worker")


def test_what_is_below_the_level_is_not_written() -> None:
    lines = lines_of("""
log.setup("warning", "json", "api")
early.info("quiet")
early.warning("loud")
logging.getLogger("uvicorn.error").info("quiet")
logging.getLogger("uvicorn.error").warning("loud")
""")

    assert [line["event"] for line in lines] == ["loud", "loud"]


def test_libraries_write_the_same_lines_with_the_same_context() -> None:
    [started, warned] = lines_of("""
log.setup("info", "json", "api")
bind_contextvars(request_id="r1")
logging.getLogger("pgqueuer").info("job for %s", "27821234567")
warnings.warn("old", stacklevel=1)
""")

    assert started["event"] == "job for …67"
    assert started["logger_name"] == "pgqueuer"
    assert (started["level"], started["process"]) == ("info", "api")
    assert started["request_id"] == "r1"
    assert (warned["logger_name"], warned["level"]) == ("py.warnings", "warning")


CRASH = """
def send(number, password):
    raise ValueError(f"cannot reach {number}")
try:
    send("27821234567", "hunter2")
except ValueError:
    early.exception("send.crashed", text="Hello")
try:
    send("27821234567", "hunter2")
except ValueError:
    logging.getLogger("asyncio").exception("task crashed")
"""


def test_a_crash_is_told_with_its_traceback_but_without_numbers() -> None:
    own, library = lines_of('log.setup("info", "json", "api")' + CRASH)

    assert own["text"] == "<5 chars>"
    for line in (own, library):
        assert line["exception"].endswith("ValueError: cannot reach …67")


def test_the_console_shows_no_local_variables_and_no_numbers_either() -> None:
    written = stderr_of('log.setup("info", "console", "api")' + CRASH)

    assert written.count("ValueError: cannot reach …67") == 2
    assert "hunter2" not in written
    assert NUMBER not in written.replace('send("27821234567"', "")


def test_a_text_that_is_no_unicode_still_makes_a_line() -> None:
    [line] = lines_of('log.setup("info", "json", "api"); early.info("odd", path="/a\\ud800…")')

    assert line["path"] == "/a\ud800…"


def test_auto_writes_json_into_a_pipe_and_lines_for_people_on_a_terminal() -> None:
    code = 'log.setup("info", "auto", "api"); early.info("up", port=8080)'

    assert lines_of(code)[0]["port"] == 8080
    assert "up" in on_a_terminal(code)
    assert '"event"' not in on_a_terminal(code)


def on_a_terminal(code: str) -> str:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", HEAD + code], stderr=theirs, check=True)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    os.close(theirs)
    return shown
