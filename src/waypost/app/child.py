"""A process under the supervisor: `python -m waypost.app.child api`, or `worker`.

Its standard input brings its orders, and ends when the supervisor is gone: then it stops too.
"""

import asyncio
import gc
import pickle
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Literal

import uvloop

from waypost.kit.config import Settings
from waypost.kit.log import setup
from waypost.messages.model import QueueType

RARELY = (50_000, 20, 50)
"""When the garbage collector looks: new objects, then generations."""

Run = Callable[[asyncio.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Orders:
    """What a child is told: which part it plays, with which settings, on which database."""

    part: Literal["api", "worker"]
    settings: Settings
    database_url: str
    queue_type: QueueType
    listening_fd: int | None

    def write(self, pipe: IO[bytes]) -> None:
        """Hand them over; the pipe stays open for as long as the supervisor lives."""
        pickle.dump(self, pipe)
        pipe.flush()


def main() -> None:
    """Play the part until told to stop, or until the supervisor is gone."""
    # The pipe is our parent's alone, and what it sends is its own settings.
    orders: Orders = pickle.load(sys.stdin.buffer)  # noqa: S301
    setup(orders.settings.log_level, orders.settings.log_format, orders.part)
    run = _api(orders) if orders.part == "api" else _worker(orders)
    uvloop.run(_until_told(run))


async def _until_told(run: Run) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)
    await run(stop)


def _api(orders: Orders) -> Run:
    # Imported here so that a worker does not carry the web framework, nor the API the drivers.
    from waypost.app.api import build
    from waypost.app.server import serve

    if orders.listening_fd is None:
        raise ValueError("an API process needs a listening socket")
    listening = socket.socket(fileno=orders.listening_fd)
    app = build(orders.settings, orders.database_url, orders.queue_type)

    # What is loaded by now stays; looking through it again and again took 6% of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)

    async def run(stop: asyncio.Event) -> None:
        await serve(app, listening, orders.settings.stop_seconds, stop)

    return run


def _worker(orders: Orders) -> Run:
    from waypost.app.worker import run_worker

    async def run(stop: asyncio.Event) -> None:
        await run_worker(orders.settings, orders.database_url, stop)

    return run


if __name__ == "__main__":
    main()
