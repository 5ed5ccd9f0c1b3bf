"""Databases for tests: one template, migrated once, and a clone of it for each test."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from os import getpid
from urllib.parse import urlsplit

import asyncpg

from waypost.app.migrate import migrate
from waypost.devices import pools
from waypost.kit.clock import SystemClock
from waypost.kit.db import Database, Tx
from waypost.messages import partitions

_NUMBERS = count(1)


@dataclass(frozen=True)
class Template:
    """A database that is only ever copied."""

    server_url: str
    name: str

    async def drop(self) -> None:
        await _on_server(self.server_url, f'drop database if exists "{self.name}" with (force)')


async def make_template(server_url: str) -> Template:
    """Migrate a new database, and lay in it what a first start lays."""
    made = Template(server_url, f"waypost_test_{getpid()}")
    await made.drop()
    await _on_server(server_url, f'create database "{made.name}"')
    url = named(server_url, made.name)
    await migrate(url)
    db = Database(url, 2, "waypost test")
    await db.open()
    clock = SystemClock()

    async def lay(tx: Tx) -> None:
        await partitions.ensure(tx, clock.now())
        await pools.ensure_default(tx, clock)

    await db.transact(lay)
    await db.close()
    return made


@contextmanager
def clone(template: Template) -> Iterator[str]:
    """A copy of the template for as long as it is needed."""
    name = f"{template.name}_{next(_NUMBERS)}"
    _run(template.server_url, f'create database "{name}" template "{template.name}"')
    try:
        yield named(template.server_url, name)
    finally:
        _run(template.server_url, f'drop database if exists "{name}" with (force)')


@contextmanager
def new_database(server_url: str, name: str) -> Iterator[str]:
    """An empty database for as long as it is needed."""
    _run(server_url, f'create database "{name}"')
    try:
        yield named(server_url, name)
    finally:
        _run(server_url, f'drop database if exists "{name}" with (force)')


def named(url: str, name: str) -> str:
    """The same server's URL for another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _run(url: str, statement: str) -> None:
    # A thread of its own: the caller may be inside a running event loop.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _on_server(url, statement)).result()


async def _on_server(url: str, statement: str) -> None:
    connection = await asyncpg.connect(named(url, "postgres"))
    try:
        try:
            await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:  # autovacuum was in there, and is gone by now
            await connection.execute(statement)
    finally:
        await connection.close()
