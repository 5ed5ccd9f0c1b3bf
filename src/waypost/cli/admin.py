"""admin: accounts and credits from the shell."""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from waypost.accounts import directory, password
from waypost.accounts.model import Changes, NewAccount
from waypost.admin import accounts
from waypost.app.first_start import furnish
from waypost.app.migrate import migrate
from waypost.cli.database import database_url, opened
from waypost.cli.fields import Amount, FirstCredits, Reason, Username
from waypost.cli.options import read_settings
from waypost.credits.model import Kind
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database

T = TypeVar("T")

app = typer.Typer(help="Accounts and credits.", no_args_is_help=True)
clock = SystemClock()

DataDir = Annotated[Path | None, typer.Option(help="Folder of the embedded database.")]
Config = Annotated[Path | None, typer.Option(help="A TOML file of settings.")]


@app.command()
def create(
    username: Username,
    is_admin: Annotated[bool, typer.Option("--admin", help="May run this server.")] = False,
    credits: FirstCredits = 0,
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Open an account; its password is asked for, or made here and shown once."""
    given = _password()
    chosen = given or secrets.token_urlsafe(12)

    async def work(db: Database) -> int:
        hashed = await password.hashed(chosen, username)
        new = NewAccount(username, hashed, is_admin=is_admin)
        user = await accounts.create(db, clock, None, new, credits, Kind.GRANT)
        return user.account.id

    id = _with_database(work, data_dir, config)
    shown = "" if given else f" Its password is {chosen} (shown this once)."
    typer.echo(f"Account {username} is number {id}, with {credits} credits.{shown}")


@app.command(context_settings={"ignore_unknown_options": True})  # a negative number is none
def grant(
    username: Username,
    amount: Amount,
    reason: Reason = "by the shell",
    data_dir: DataDir = None,
    config: Config = None,
) -> None:
    """Give an account credits, or take some away; never below zero."""

    async def work(db: Database) -> int:
        return await accounts.give(db, clock, None, await _id_of(db, username), amount, reason)

    balance = _with_database(work, data_dir, config)
    typer.echo(f"{username} has {balance} credits now.")


@app.command()
def disable(username: Username, data_dir: DataDir = None, config: Config = None) -> None:
    """Let nothing that an account signed in with work, until it is enabled again."""

    async def work(db: Database) -> None:
        changes = Changes(is_active=False)
        await accounts.change(db, clock, None, await _id_of(db, username), changes)

    _with_database(work, data_dir, config)
    typer.echo(f"{username} is disabled.")


def _password() -> str:
    """Asked for at a terminal, and otherwise the input's first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    asked: str = typer.prompt("Password (empty: make one)", default="", hide_input=True)
    return asked


async def _id_of(db: Database, username: str) -> int:
    async with db.read() as tx:
        return (await directory.named(tx, username)).id


def _with_database(
    work: Callable[[Database], Awaitable[T]], data_dir: Path | None, config: Path | None
) -> T:
    settings = read_settings(config, {"data_dir": data_dir})

    async def run(url: str) -> T:
        await migrate(url)
        async with opened(url) as db:
            await furnish(db, clock)
            return await work(db)

    with database_url(settings) as url:
        return asyncio.run(run(url))
