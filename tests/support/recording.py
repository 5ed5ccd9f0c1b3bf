"""A database that remembers every statement, so that a test can look at the plans."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from waypost.kit.db import Database, Tx


class RecordingDatabase(Database):
    """Notes each statement with the arguments it came with."""

    def __init__(self, url: str, size: int, name: str) -> None:
        super().__init__(url, size, name)
        self.statements: dict[str, tuple[Any, ...]] = {}

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Tx]:
        async with super().tx() as tx:
            yield _Recorder(tx, self.statements)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        async with super().read() as tx:
            yield _Recorder(tx, self.statements)


class _Recorder:
    def __init__(self, tx: Tx, statements: dict[str, tuple[Any, ...]]) -> None:
        self._tx = tx
        self._statements = statements

    async def fetch(self, query: str, *args: Any) -> Any:
        self._note(query, args)
        return await self._tx.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        self._note(query, args)
        return await self._tx.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        self._note(query, args)
        return await self._tx.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> Any:
        self._note(query, args)
        return await self._tx.execute(query, *args)

    def _note(self, query: str, args: tuple[Any, ...]) -> None:
        self._statements[query] = args
