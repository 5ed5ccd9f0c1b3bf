"""doctor: what is wrong, in a table; exit code 1 if anything is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.table import Table

from waypost.app import migrate
from waypost.cli.database import database_url, opened
from waypost.credits import ledger
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.messages import stuck


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_well: bool
    said: str


def examine(settings: Settings) -> None:
    """Look at everything; the settings were already found good when this is called."""
    with database_url(settings) as url:
        findings = asyncio.run(_examine(url))
    Console().print(_table([Finding("configuration", True, "every setting is valid"), *findings]))
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


async def _examine(url: str) -> list[Finding]:
    async with opened(url) as db:
        return [finding async for finding in _findings(db)]


async def _findings(db: Database) -> AsyncIterator[Finding]:
    async with db.read() as tx:
        revision = await migrate.current(tx)
        yield Finding("database", True, str(await tx.fetchval("show server_version")))
        newest = migrate.newest()
        is_new = revision == newest
        yield Finding("schema", is_new, f"{revision}" if is_new else "run `waypost migrate`")
        if not is_new:
            return
        yield _of_ledger(await ledger.differences(tx))
        yield _of_stuck(await stuck.count(tx, SystemClock().now()))


def _of_ledger(differences: list[tuple[int, int, int]]) -> Finding:
    if not differences:
        return Finding("ledger", True, "every balance is the sum of its entries")
    said = ", ".join(f"account {id}: {has}, entries say {sum}" for id, has, sum in differences)
    return Finding("ledger", False, said)


def _of_stuck(count: int) -> Finding:
    said = "none" if not count else f"{count} make no progress; is a worker running?"
    return Finding("stuck messages", not count, said)


def _table(findings: list[Finding]) -> Table:
    table = Table("Looked at", "", "Found", title="waypost doctor")
    for finding in findings:
        mark = "[green]well[/]" if finding.is_well else "[red]ill[/]"
        table.add_row(finding.what, mark, finding.said)
    return table
