"""A look behind a running server's back, into the database of its own."""

import asyncio

import asyncpg

from tests.support.server import Server
from waypost.kit.embedded import running_url

TABLES = ("messages", "batches", "alarms", "idempotency", "message_counts")


def query(server: Server, statement: str, *args: object) -> list[asyncpg.Record]:
    """Run one statement there."""

    async def run() -> list[asyncpg.Record]:
        url = running_url(server.data_dir)
        assert url is not None
        connection = await asyncpg.connect(url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *args)
            return rows
        finally:
            await connection.close()

    return asyncio.run(run())


def traces(server: Server, account_id: int) -> int:
    """How many rows tell of anything that the account sent."""
    counts = " + ".join(f"(select count(*) from {table} where account_id = $1)" for table in TABLES)
    charges = "(select count(*) from ledger where account_id = $1 and kind = 'charge')"
    (row,) = query(server, f"select {counts} + {charges} as rows", account_id)
    rows: int = row["rows"]
    return rows
