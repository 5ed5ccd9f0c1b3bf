"""The database that a command works on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.kit.embedded import Embedded, EmbeddedError, has_database, running_url


@contextmanager
def database_url(settings: Settings, *, may_make: bool = False) -> Iterator[str]:
    """The named server; else the data directory's own, started for as long as it is needed.

    Raises EmbeddedError where the directory has none, unless one may be made.
    """
    url = settings.database_url or running_url(settings.data_dir)
    if url is not None:
        yield url
        return
    if not may_make and not has_database(settings.data_dir):
        raise EmbeddedError(
            f"There is no Waypost in {settings.data_dir}: name its folder with --data-dir, "
            "or make one there with `waypost serve`."
        )
    embedded = Embedded(settings.data_dir)
    try:
        yield embedded.start()
    finally:
        embedded.stop()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A small pool for one command."""
    db = Database(url, 2, "waypost cli")
    await db.open()
    try:
        yield db
    finally:
        await db.close()
