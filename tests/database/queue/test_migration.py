"""A queue that was filled before there were chains is put in order."""

from uuid import UUID

import asyncpg

from tests.database.queue.yard import LANE, Yard, about
from tests.support.databases import new_database
from waypost.app.migrate import migrate
from waypost.kit.db import Database
from waypost.migrations.script import text_of
from waypost.queue.install import install_sql
from waypost.queue.model import Kind, Reference

VERSION = """
create table alembic_version (version_num varchar(32) primary key);
insert into alembic_version values ('0001');
create table messages_of_then partition of messages default;
"""
MESSAGE = """
insert into messages (account_id, id, number, class, recipient, body, pool_id, status, facts,
                      created_at, updated_at, expires_at)
values ($1, $2, $3, $4, $5, 'Hello', 1, 'Queued', 1, now(), now(), now() + interval '1 day')
"""
JOB = """
insert into pgqueuer (priority, entrypoint, payload, status, queue_manager_id)
values (0, $1, int8send($2) || uuid_send($3), $4::text::pgqueuer_status, $5)
"""


async def test_what_waited_before_there_were_chains_goes_in_its_order(postgres_url: str) -> None:
    with new_database(postgres_url, "waypost_test_then") as url:
        connection = await asyncpg.connect(url)
        await connection.execute(text_of("0001_house.sql") + install_sql() + VERSION)
        await add(connection, about(1, 7), "queued")
        await add(connection, about(2, 7), "picked")
        await add(connection, about(3, 7), "queued")
        await add(connection, about(4, 7, kind=Kind.SINGLE), "picked")
        await add(connection, about(5, 8), "queued")
        await connection.execute(JOB, LANE, 1, UUID(int=99), "queued", None)

        await migrate(url)

        await in_order(url, connection)
        await connection.close()


async def add(connection: asyncpg.Connection, message: Reference, status: str) -> None:
    """A message as it was queued then."""
    account_id, id = message.account_id, message.message_id
    recipient = str(message.chain & (1 << 56) - 1)
    kind = message.kind.name.lower()
    await connection.execute(MESSAGE, account_id, id, id.int, kind, recipient)
    owner = UUID(int=1) if status == "picked" else None
    await connection.execute(JOB, LANE, account_id, id, status, owner)


async def in_order(url: str, connection: asyncpg.Connection) -> None:
    db = Database(url, 2, "waypost test")
    await db.open()
    yard = Yard(db, connection)
    assert await yard.in_lane() == [1, 4, 5]
    assert await yard.parked() == [2, 3]
    assert [await yard.take(9) for _ in range(4)] == [[1, 4, 5], [2], [3], []]
    await db.close()
