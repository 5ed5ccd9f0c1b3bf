"""serve, worker and migrate."""

import asyncio
import http.client
import json
import shlex
import signal
import threading
from contextlib import suppress
from dataclasses import replace

import uvloop
from prometheus_client import start_http_server
from rich.console import Console
from rich.text import Text

from waypost.app.child import Orders
from waypost.app.first_start import FirstStart, join, prepare, with_keys, with_seal_key
from waypost.app.metrics import shared_dir
from waypost.app.migrate import migrate as run_migrations
from waypost.app.supervisor import (
    Child,
    GaveUp,
    Supervisor,
    listen,
    stop_seconds_of_children,
)
from waypost.cli.database import database_url
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.embedded import Embedded, running_url
from waypost.kit.log import get, setup
from waypost.messages.model import QueueType

console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
LOOK_EVERY = 0.5

log = get(__name__)


def serve(settings: Settings, with_worker: bool) -> None:
    """Everything on one box, until SIGTERM or Ctrl-C."""
    setup(settings.log_level, settings.log_format, "supervisor")
    embedded = None if settings.database_url else Embedded(settings.data_dir)
    supervisor = Supervisor([], embedded, settings.stop_seconds)
    for number in _stop_signals():
        signal.signal(number, supervisor.request_stop)
    listening = listen(settings.host, settings.port)
    port = listening.getsockname()[1]
    with shared_dir() as metrics:
        try:
            url = settings.database_url or _start(embedded)
            settings = with_keys(settings)
            first = asyncio.run(prepare(settings, url, SystemClock()))
            _introduce(settings, first)
            for orders in _orders(settings, url, with_worker, listening.fileno()):
                supervisor.children.append(Child(orders, metrics))
            supervisor.start()
            _announce(settings, port, first)
            supervisor.run()
        finally:
            supervisor.stop()


def worker(settings: Settings, metrics_port: int | None) -> None:
    """One worker in this process, until SIGTERM or Ctrl-C."""
    setup(settings.log_level, settings.log_format, "worker")
    if metrics_port is not None:
        _serve_metrics(settings.host, metrics_port)

    is_wanted = True
    while is_wanted:
        with database_url(settings) as url:
            settings = with_seal_key(settings)
            asyncio.run(join(settings, url, SystemClock()))
            is_wanted = uvloop.run(_work(settings, url))


async def _work(settings: Settings, url: str) -> bool:
    """Until told to stop, or the database is elsewhere; whether it is that."""
    # Imported here: the other commands need no drivers.
    from waypost.app.worker import run_worker

    stop = asyncio.Event()
    for number in _stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    moved = asyncio.create_task(_moved(settings, url, stop))
    await run_worker(settings, url, stop)
    return await moved


async def _moved(settings: Settings, url: str, stop: asyncio.Event) -> bool:
    """Stop when the data directory's server is ready elsewhere, as after a restart of `serve`."""
    while not stop.is_set():
        if not settings.database_url and running_url(settings.data_dir) not in (None, url):
            log.info("worker.database_moved")
            stop.set()
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)
    return False


def migrate(settings: Settings) -> None:
    """Run the steps that are missing."""
    with database_url(settings, may_make=True) as url:
        revision = asyncio.run(run_migrations(url))
    console.print(f"The database is at revision {revision}.")


def _serve_metrics(host: str, port: int) -> None:
    try:
        start_http_server(port, host)
    except OSError as error:
        raise GaveUp(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def _stop_signals() -> list[signal.Signals]:
    """A request to end, Ctrl-C, a closed terminal; what we were told to ignore (nohup) stays so."""
    wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    return [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]


def _start(embedded: Embedded | None) -> str:
    if embedded is None:
        raise ValueError("no database URL and no embedded server")
    return embedded.start()


def _orders(settings: Settings, url: str, with_worker: bool, listening_fd: int) -> list[Orders]:
    workers = settings.worker_processes if with_worker else 0
    queue_type: QueueType = "embedded" if workers else "docker"
    settings = replace(settings, stop_seconds=stop_seconds_of_children(settings.stop_seconds))
    api = Orders("api", settings, url, queue_type, listening_fd)
    worker = Orders("worker", settings, url, queue_type, None)
    return [api] * settings.api_processes + [worker] * workers


def _introduce(settings: Settings, first: FirstStart) -> None:
    """Say what a first start made, before anything can fail and take the password along."""
    if first.admin_password is not None:
        console.print(f"Administrator  {settings.admin_username}")
        console.print(f"Password       {first.admin_password}  (shown this once)")
    if first.made_sandbox:
        console.print("Senders        three sandbox devices: simulated, nothing reaches WhatsApp")


def _announce(settings: Settings, port: int, first: FirstStart) -> None:
    """Greet once the API answers, while the supervisor goes on with its work."""
    threading.Thread(target=_greet, args=(settings, port, first), daemon=True).start()


def _greet(settings: Settings, port: int, first: FirstStart) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    if _answers(host, port):
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        console.print(_greeting(settings, url, first))


def _answers(host: str, port: int) -> bool:
    try:
        # The socket listens already: the answer comes as soon as there is one to give.
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False


def _greeting(settings: Settings, url: str, first: FirstStart) -> Text:
    password = first.admin_password or "YOUR_PASSWORD"
    body = json.dumps({"username": settings.admin_username, "password": password})
    header = "-H 'Content-Type: application/json'"
    lines = [
        f" is ready at {url}",
        f"  Documentation  {url}/docs",
        "  Try it:",
        f"  curl -X POST {url}/api/auth/login {header} -d {shlex.quote(body)}",
    ]
    return Text.assemble(("Waypost", "bold"), "\n".join(lines))
