"""Keeps the processes of one box alive: PostgreSQL if it is ours, the API, the worker."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from waypost.app.child import Orders
from waypost.app.metrics import SHARED_DIR, forget
from waypost.kit.config_sources import is_setting
from waypost.kit.embedded import Embedded
from waypost.kit.log import get

LOOK_EVERY = 0.1
FIRST_RESTART_SECONDS = 0.2
MOST_RESTART_SECONDS = 5.0
STEADY_SECONDS = 10.0
TRIES = 6
ROTATE_SECONDS = 3600.0
PORT_SECONDS = 1.0  # for the API of a supervisor that was killed to let go of the port
POSTGRES_SECONDS = 2.0  # of the time for a stop, what is kept for PostgreSQL's own
EXIT_SECONDS = 0.5  # and what a process needs to exit after its own stop

log = get(__name__)


class GaveUp(Exception):
    """A process does not stay up."""


@dataclass(slots=True)
class Child:
    """One process that is to be running."""

    orders: Orders
    metrics_dir: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    again_at: float = 0.0

    def start(self) -> None:
        fd = self.orders.listening_fd
        with _terminal_held_off():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "waypost.app.child", self.orders.part],  # as ps shows it
                stdin=subprocess.PIPE,
                pass_fds=() if fd is None else (fd,),
                env=_without_settings(os.environ) | {SHARED_DIR: str(self.metrics_dir)},
            )
        self.started_at = time.monotonic()
        if self.process.stdin is None:
            raise GaveUp("a child has no standard input")
        with suppress(BrokenPipeError):  # it has ended already, and `tend` sees that
            self.orders.write(self.process.stdin)

    def tend(self) -> None:
        """Start it again when it has ended, each time a little later."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.again_at:
                self.start()
            return
        status = self.process.poll()
        if status is None:
            return
        forget(self.metrics_dir, self.process.pid)
        steady = now - self.started_at > STEADY_SECONDS
        self.failures = 1 if steady else self.failures + 1
        if self.failures >= TRIES:
            raise GaveUp(f"The {self.orders.part} process ends again and again; its log says why.")
        wait = min(FIRST_RESTART_SECONDS * 2**self.failures, MOST_RESTART_SECONDS)
        log.error("child.ended", part=self.orders.part, status=status, again_in=wait)
        self.process, self.again_at = None, now + wait

    def tell_to_stop(self) -> None:
        """Ask; closing its input says the same to one that missed the signal."""
        if self.process is not None and self.process.stdin is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.stdin.close()

    def wait_until_ended(self, deadline: float) -> None:
        """Wait; past the deadline, end it."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.error("child.killed", part=self.orders.part)
            self.process.kill()
            self.process.wait()


@dataclass(slots=True)
class Supervisor:
    """Runs the children until told to stop, then stops them all, and PostgreSQL last."""

    children: list[Child]
    embedded: Embedded | None
    stop_seconds: float
    _stopping: bool = field(default=False)
    _rotate_at: float = field(default=0.0)

    def request_stop(self, *_: object) -> None:
        self._stopping = True

    def start(self) -> None:
        for child in self.children:
            child.start()

    def tend(self) -> None:
        """One look at everything that is to be running."""
        if self.embedded is not None and not self.embedded.is_running():
            log.error("postgres.ended")
            self.embedded.start()
        if self.embedded is not None and time.monotonic() >= self._rotate_at:
            self.embedded.rotate_log()
            self._rotate_at = time.monotonic() + ROTATE_SECONDS
        for child in self.children:
            child.tend()

    def run(self) -> None:
        """Tend until told to stop."""
        while not self._stopping:
            self.tend()
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """Stop everything, within the time that the settings give."""
        deadline = time.monotonic() + self.stop_seconds - POSTGRES_SECONDS
        for child in self.children:
            child.tell_to_stop()
        for child in self.children:
            child.wait_until_ended(deadline)
        if self.embedded is not None:
            self.embedded.stop(POSTGRES_SECONDS)


def stop_seconds_of_children(stop_seconds: float) -> float:
    """Of the time for a stop, what they may take, so that none is ended in the midst of it."""
    return max(0.0, stop_seconds - POSTGRES_SECONDS - EXIT_SECONDS)


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Some of them are secrets, and a process's environment is easily looked at."""
    return {name: value for name, value in environ.items() if not is_setting(name)}


@contextmanager
def _terminal_held_off() -> Iterator[None]:
    """What starts here hears no Ctrl-C, which a terminal sends to all: we alone act on it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def listen(host: str, port: int) -> socket.socket:
    """The socket that all API processes share."""
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        try:
            return _listening(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                why = f"{error.strerror}. Try another --host or --port."
                raise GaveUp(f"Cannot listen on {host}:{port}: {why}") from error
        time.sleep(LOOK_EVERY)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError:
        listening.close()
        raise
    listening.listen(1024)
    listening.set_inheritable(True)
    return listening
