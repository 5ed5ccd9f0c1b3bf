"""doctor: what is wrong, in a table; exit code 1 if anything is."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from waypost.app import migrate
from waypost.app.first_start import with_seal_key
from waypost.cli.database import database_url, opened
from waypost.credits import ledger
from waypost.devices import leases, vault
from waypost.kit.clock import SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import Database
from waypost.kit.seal import Sealer, sealer
from waypost.messages import stuck
from waypost.messages.stuck import Stuck
from waypost.queue import upkeep

NAMED = 3
"""So many ids are named of what is found."""


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
        findings = asyncio.run(_examine(url, _sealer(settings)))
    valid = Finding("configuration", True, "every setting is valid")
    Console(markup=False, emoji=False).print(_table([valid, *findings]))
    if any(finding.is_grave and not finding.is_well for finding in findings):
        raise typer.Exit(1)


def _sealer(settings: Settings) -> Sealer | None:
    """None where the key is elsewhere: with a database URL, looking around needs none."""
    if settings.seal_key is None and settings.database_url is not None:
        return None
    return sealer(with_seal_key(settings))


async def _examine(url: str, sealer: Sealer | None) -> list[Finding]:
    async with opened(url) as db:
        return [finding async for finding in _findings(db, sealer)]


async def _findings(db: Database, sealer: Sealer | None) -> AsyncIterator[Finding]:
    async with db.read() as tx:
        revision = await migrate.current(tx)
        yield Finding("database", True, f"PostgreSQL {await db.server_version()}")
        yield _of_commits(await migrate.keeps_commits(tx))
        schema = _of_schema(revision)
        yield schema
        if not schema.is_well:
            return
        yield _of_ledger(await ledger.differences(tx))
        now = SystemClock().now()
        for finding in _of_stuck(await stuck.of_a_month(tx, now)):
            yield finding
        if sealer is not None:
            yield _of_secrets(await vault.holding(tx, sealer))
        yield _of_claims(await upkeep.stuck(tx, now))
        yield _of_workers(await leases.workers(tx))


def _of_commits(are_kept: bool) -> Finding:
    said = "are on the disk before they are confirmed" if are_kept else str(migrate.Forgetful())
    return Finding("commits", are_kept, said)


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


def _of_stuck(found: list[Stuck]) -> Iterator[Finding]:
    overdue = [each for each in found if each.is_overdue]
    lost = [each for each in found if not each.is_overdue]
    yield _of_those("messages past their deadline", overdue, "is a worker running?")
    remedy = "their accounts can cancel them, and get their credits back"
    yield _of_those("messages that nothing would send", lost, remedy)


def _of_those(what: str, found: list[Stuck], remedy: str) -> Finding:
    if not found:
        return Finding(what, True, "none")
    named = ", ".join(each.queue_id for each in found[:NAMED])
    more = ", …" if len(found) > NAMED else ""
    return Finding(what, False, f"{len(found)} make no progress ({named}{more}): {remedy}")


def _of_claims(count: int) -> Finding:
    said = "none" if not count else f"{count} messages wait for a worker to take them over"
    return Finding("claims of dead workers", not count, said)


def _of_secrets(holding: vault.Holding) -> Finding:
    what = "secrets of devices"
    if holding.lost:
        remedy = "name it in WAYPOST_SEAL_PREVIOUS_KEYS, or give the devices their secrets anew"
        return Finding(what, False, f"{holding.lost} need a key that is not here: {remedy}")
    if holding.former:
        said = f"{holding.former} are sealed with a former key, which a start of `serve` ends"
        return Finding(what, False, said, is_grave=False)
    return Finding(what, True, f"{holding.current} can be opened" if holding.current else "none")


def _of_workers(count: int) -> Finding:
    said = f"{count} at work" if count else "none runs; messages wait for one"
    return Finding("workers", count > 0, said, is_grave=False)


def _table(findings: list[Finding]) -> Table:
    table = Table("Looked at", "", "Found", title="waypost doctor")
    for finding in findings:
        table.add_row(finding.what, finding.mark, finding.said)
    return table
