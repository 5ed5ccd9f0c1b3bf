"""The least an ASGI server can do: read the request and answer bytes that are already there.

`python -m bench.bare PORT ANSWER` serves the answer that the JSON file ANSWER holds.
"""

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvicorn

from bench.load import Target
from bench.processes import free_port, listens, running, wait_until

START_SECONDS = 15

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What Waypost answered to one send: the bare server says the same bytes."""

    headers: list[tuple[str, str]]
    body: str


@contextmanager
def bare(folder: Path, answer: Answer, tokens: str) -> Iterator[tuple[Target, int]]:
    """One bare server process: whom to load, and its id."""
    file, log, port = folder / "answer.json", folder / "bare.log", free_port()
    file.write_text(json.dumps(asdict(answer)))
    command = (sys.executable, "-m", "bench.bare", str(port), file)
    with running(command, log, cwd=Path(__file__).parents[1]) as process:
        wait_until(lambda: listens(port), "The bare server", START_SECONDS, process, log)
        yield Target(f"http://127.0.0.1:{port}", "send", tokens), process.pid


def main(port: int, file: Path) -> None:
    """Serve with the versions and settings that Waypost's own server has."""
    stored = json.loads(file.read_text())
    headers = [(name.encode(), value.encode()) for name, value in stored["headers"]]
    body = stored["body"].encode()

    async def app(_scope: dict[str, Any], receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
