"""doctor: what is wrong, in a table; exit code 1 if anything is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from waypost.app import migrate
from waypost.app.presence import WORKER
from waypost.cli.database import database_url, opened
from waypost.credits import ledger
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.messages import stuck
from waypost.queue import upkeep


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_well: bool
    said: str
    is_grave: bool = True
    """Whether something is wrong when it is not well; else it is worth a warning."""

    @property
    def mark(self) -> Text:
        if self.is_well:
            return Text("well", "green")
        return Text("ill", "red") if self.is_grave else Text("warning", "yellow")


def examine(settings: Settings) -> None:
    """Look at everything; the settings were already found good when this is called."""
    with database_url(settings) as url:
        findings = asyncio.run(_examine(url))
    valid = Finding("configuration", True, "every setting is valid")
    Console(markup=False, emoji=False).print(_table([valid, *findings]))
    if any(finding.is_grave and not finding.is_well for finding in findings):
        raise typer.Exit(1)


async def _examine(url: str) -> list[Finding]:
    async with opened(url) as db:
        return [finding async for finding in _findings(db)]


async def _findings(db: Database) -> AsyncIterator[Finding]:
    async with db.read() as tx:
        revision = await migrate.current(tx)
        yield Finding("database", True, f"PostgreSQL {await db.server_version()}")
        schema = _of_schema(revision)
        yield schema
        if not schema.is_well:
            return
        yield _of_ledger(await ledger.differences(tx))
        now = SystemClock().now()
        yield _of_stuck(await stuck.count(tx, now))
        yield _of_claims(await upkeep.stuck(tx, now))
        yield _of_worker(await db.is_present(WORKER))


def _of_schema(revision: str | None) -> Finding:
    try:
        migrate.check_known(revision)
    except migrate.TooNew as error:
        return Finding("schema", False, str(error))
    is_new = revision == migrate.newest()
    return Finding("schema", is_new, f"{revision}" if is_new else "run `waypost migrate`")


def _of_ledger(differences: list[tuple[int, int, int]]) -> Finding:
    if not differences:
        return Finding("ledger", True, "every balance is the sum of its entries")
    said = ", ".join(f"account {id}: {has}, entries say {sum}" for id, has, sum in differences)
    return Finding("ledger", False, said)


def _of_stuck(count: int) -> Finding:
    said = "none" if not count else f"{count} make no progress; is a worker running?"
    return Finding("stuck messages", not count, said)


def _of_claims(count: int) -> Finding:
    said = "none" if not count else f"{count} messages wait for a worker to take them over"
    return Finding("claims of dead workers", not count, said)


def _of_worker(is_present: bool) -> Finding:
    said = "one runs" if is_present else "none runs; messages wait for one"
    return Finding("worker", is_present, said, is_grave=False)


def _table(findings: list[Finding]) -> Table:
    table = Table("Looked at", "", "Found", title="waypost doctor")
    for finding in findings:
        table.add_row(finding.what, finding.mark, finding.said)
    return table
