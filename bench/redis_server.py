"""The Redis or Valkey that several API processes share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import free_port, listens, running, wait_until

BINARIES = ("valkey-server", "redis-server")
USUAL_PORT = 6379
OWN_DATABASE = 15
START_SECONDS = 10
MISSING = (
    "There is no Redis or Valkey, so two API processes cannot be measured: "
    "apt-get install redis-server"
)


@contextmanager
def shared_limits(folder: Path) -> Iterator[str | None]:
    """A private server's URL; else that of the machine's own; else None."""
    binary = next(filter(None, map(shutil.which, BINARIES)), None)
    if binary is None:
        yield f"redis://127.0.0.1:{USUAL_PORT}/{OWN_DATABASE}" if listens(USUAL_PORT) else None
        return
    port, log = free_port(), folder / "redis.log"
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running(command, log) as process:
        wait_until(lambda: listens(port), "Redis", START_SECONDS, process, log)
        yield f"redis://127.0.0.1:{port}"
