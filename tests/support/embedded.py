"""For the journeys of the embedded PostgreSQL: other users, other processes, a few questions."""

import asyncio
import os
import pwd
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg

from waypost.kit.embedded import Embedded, running_url
from waypost.kit.embedded_processes import living
from waypost.kit.embedded_runner import runner_of

ROOT = os.geteuid() == 0
OURSELVES = pwd.getpwuid(os.geteuid()).pw_name


@contextmanager
def being(name: str) -> Iterator[None]:
    """This process as another user, with the way back to root kept open."""
    if not ROOT:
        assert name == OURSELVES
        yield
        return
    before = os.geteuid(), os.getegid(), os.getgroups()
    user = pwd.getpwnam(name)
    _become(user.pw_uid, user.pw_gid, [user.pw_gid])
    try:
        yield
    finally:
        _become(*before)


def _become(uid: int, gid: int, groups: list[int]) -> None:
    os.setresuid(0, 0, 0)
    os.setgroups(groups)
    os.setresgid(gid, gid, 0)
    os.setresuid(uid, uid, 0)


@contextmanager
def other_waypost(data_dir: Path) -> Iterator[None]:
    """Another process that runs the server of this folder, until it is killed."""
    with warnings.catch_warnings():
        # The child touches nothing that another thread of a test runner could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        with suppress(BaseException):
            Embedded(data_dir).start()
            signal.pause()
        os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def killed_waypost(data_dir: Path) -> str:
    """The URL of a server that outlived its Waypost."""
    with other_waypost(data_dir):
        until(lambda: running_url(data_dir) is not None)
        url = running_url(data_dir)
    assert url is not None
    return url


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def ask(url: str, *queries: str) -> Any:
    """The value of the last query."""

    async def asked() -> Any:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return [await connection.fetchval(query) for query in queries][-1]
        finally:
            await connection.close()

    return asyncio.run(asked())


def postmaster(data_dir: Path) -> int:
    """The server's pid."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


def processes(data_dir: Path) -> list[int]:
    """The pids of all that works on this folder's data."""
    pgdata = data_dir / "postgres"
    return living(pgdata, runner_of(pgdata))


def socket_folder(url: str) -> Path:
    """Where this URL's server listens."""
    return Path(url.partition("host=")[2].partition("&")[0])
