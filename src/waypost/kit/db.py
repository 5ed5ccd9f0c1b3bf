"""The connection pool, and the only place that commits or rolls back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol, TypeVar

import asyncpg

from waypost.kit.errors import Unavailable

T = TypeVar("T")

RETRIES = 5
ACQUIRE_SECONDS = 10.0
HUNG_SECONDS = 5.0
"""A process that hangs in the midst of a transaction holds others up by its locks no longer."""

# How asyncpg and the socket below it say that the server is away.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # how it meets a connection that was ended while it was idle
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

Locked = asyncpg.LockNotAvailableError
"""Others hold what a statement would not wait for any longer."""

_TRY_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Tx(Protocol):
    """An open transaction, for code that may read and write but never end it."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]: ...
    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def execute(self, query: str, *args: Any) -> str: ...


class DatabaseAway(Unavailable):
    """The database cannot be reached; nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The database is away for a moment; nothing was changed. Try again.")


class CommitUnknown(Unavailable):
    """The connection broke while COMMIT was under way: only a look tells what came of it."""

    def __init__(self) -> None:
        super().__init__("The outcome of this request could not be confirmed.")


async def _leave_as_it_is(_: object) -> None:
    """Nothing here changes a session beyond its transaction: a round trip a release is saved."""


class Database:
    """A pool of connections to one PostgreSQL; `name` is how they appear in its activity."""

    def __init__(self, url: str, size: int, name: str) -> None:
        self._url = url
        self._size = size
        self._name = name
        self._opened: asyncpg.Pool | None = None

    @property
    def url(self) -> str:
        """Where the server is, for connections that live outside the pool (LISTEN)."""
        return self._url

    @property
    def _pool(self) -> asyncpg.Pool:
        if self._opened is None:
            raise DatabaseAway
        return self._opened

    async def open(self) -> None:
        """Connect; raises when the server is away."""
        self._opened = await asyncpg.create_pool(
            self._url,
            min_size=1,
            max_size=self._size,
            command_timeout=60,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": self._name,
                "idle_in_transaction_session_timeout": str(round(1000 * HUNG_SECONDS)),
                # A plan that was cached for an empty queue would read all of a full one.
                "enable_seqscan": "off",
                "jit": "off",
            },
        )

    async def server_version(self) -> str:
        """The server's version, such as 18.0."""
        async with self._connection() as connection:
            version = connection.get_server_version()
            return f"{version.major}.{version.micro}"

    async def close(self) -> None:
        """Wait for what is in use, then disconnect."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except AWAY as error:
                raise CommitUnknown from error

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """A connection for single statements that only read."""
        async with self._connection() as connection:
            yield connection

    async def transact(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run `work` in one transaction; again from its start after a deadlock."""
        for _ in range(RETRIES - 1):
            try:
                async with self.tx() as tx:
                    return await work(tx)
            except _TRY_AGAIN:
                continue
        async with self.tx() as tx:
            return await work(tx)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
            try:
                yield connection
            finally:
                # What breaks after the work is done says nothing about the work.
                with suppress(*AWAY):
                    await self._pool.release(connection)
        except AWAY as error:
            raise DatabaseAway from error
