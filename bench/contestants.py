"""Who is measured against whom."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import store
from bench.bare import Answer, bare
from bench.kannel import kannel
from bench.load import Target
from bench.waypost import Flavour, waypost

KANNEL, BARE = "Kannel", "Bare ASGI server"
ONE, TWO = "Waypost, 1 API process", "Waypost, 2 API processes"
TWO_UNLIMITED = f"{TWO}, rate limits off"
ONE_SENDING, TWO_SENDING = f"{ONE}, sending", f"{TWO}, sending"
BULK = "Waypost, bulk"
ONE_FOLDER = "one"


@dataclass(frozen=True, slots=True)
class Opened:
    """A contestant that runs: whom to load, and what it says it holds."""

    target: Target
    processes: tuple[int, ...]
    held: Callable[[], int] | None = None
    sent: Callable[[], int] | None = None


Open = Callable[[], AbstractContextManager[Opened]]


@dataclass(frozen=True, slots=True)
class Ground:
    """What was prepared once: a data directory with accounts, their tokens, and an answer."""

    folder: Path
    data_dir: Path
    tokens: Path
    answer: Answer

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def copy_of_data(self, name: str) -> Path:
        """The prepared data directory once more, with its owners and modes."""
        copy = self.folder / name
        subprocess.run(["cp", "--archive", self.data_dir, copy], check=True)
        return copy


def of_singles(ground: Ground, limits_url: str | None, with_kannel: bool) -> dict[str, Open]:
    """Everybody who accepts single sends; who cannot run here is left out."""
    who: dict[str, Open] = {KANNEL: partial(_kannel, ground)} if with_kannel else {}
    who |= {
        BARE: partial(_bare, ground),
        ONE: _waypost(ground, ONE_FOLDER, Flavour()),
        ONE_SENDING: _waypost(ground, "one-sending", Flavour(worker=True)),
    }
    if limits_url is None:
        return who
    two = Flavour(api_processes=2, limits_url=limits_url)
    return who | {
        TWO: _waypost(ground, "two", two),
        TWO_UNLIMITED: _waypost(ground, "two-unlimited", replace(two, limits=False)),
        TWO_SENDING: _waypost(ground, "two-sending", replace(two, worker=True)),
    }


def of_bulk(ground: Ground) -> Open:
    """Waypost, for bulk sends."""
    return _waypost(ground, "bulk", Flavour(), kind="bulk")


def _waypost(ground: Ground, name: str, flavour: Flavour, kind: str = "send") -> Open:
    return partial(_running_waypost, ground, ground.copy_of_data(name), flavour, kind)


@contextmanager
def _running_waypost(
    ground: Ground, data_dir: Path, flavour: Flavour, kind: str
) -> Iterator[Opened]:
    with waypost(data_dir, flavour) as server:
        url = server.database_url
        yield Opened(
            Target(server.url, kind, str(ground.tokens)),
            (server.process.pid,),
            partial(store.held, url),
            partial(store.sent, url) if flavour.worker else None,
        )


@contextmanager
def _kannel(ground: Ground) -> Iterator[Opened]:
    with kannel(ground.new_folder()) as running:
        yield Opened(running.target, running.processes, running.held)


@contextmanager
def _bare(ground: Ground) -> Iterator[Opened]:
    with bare(ground.new_folder(), ground.answer, str(ground.tokens)) as (target, pid):
        yield Opened(target, (pid,))
