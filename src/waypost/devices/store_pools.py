"""SQL of pools."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from waypost.devices.errors import NameTaken, PoolInUse
from waypost.devices.model import Counts, Pool
from waypost.devices.store import IS_AVAILABLE
from waypost.kit.db import Tx

_COLUMNS = "id, name, is_default, created_at"

# One writer at a time: that there is exactly one default concerns several rows.
LOCK = "lock table pools in share row exclusive mode"

SEED = """
insert into pools (name, is_default, created_at) values ($1, true, $2)
    on conflict do nothing returning id
"""

INSERT = f"""
insert into pools (name, created_at) values ($1, $2) returning {_COLUMNS}
"""

RENAME = "update pools set name = $2 where id = $1"

CLEAR_DEFAULT = "update pools set is_default = false where is_default"

SET_DEFAULT = "update pools set is_default = true where id = $1"

DELETE = "delete from pools where id = $1"

GET = f"select {_COLUMNS} from pools where id = $1"

LIST = f"select {_COLUMNS} from pools order by id"

# What is counted may not be deleted before the transaction ends: work is about to be queued there.
# Of a pool whose lease has ended no device can send, whatever their rows still say.
COUNTS = f"""
with held as (select id from pools where id = any($1::bigint[]) order by id for key share)
select held.id, count(d.id) as total,
       count(d.id) filter (where l.until > now() and {IS_AVAILABLE}) as available
  from held
  left join leases l on l.pool_id = held.id
  left join devices d on d.pool_id = held.id
 group by held.id
"""

HOLD = "select from pools where id = $1 for update"


async def lock(tx: Tx) -> None:
    """Let nobody else change pools until the transaction ends."""
    await tx.execute(LOCK)


async def hold(tx: Tx, id: int) -> None:
    """Wait until nobody is queueing work there, and keep it so until the transaction ends."""
    await tx.execute(HOLD, id)


async def seed(tx: Tx, name: str, at: datetime) -> int | None:
    """Make the default pool and return its id, unless there is one."""
    id: int | None = await tx.fetchval(SEED, name, at)
    return id


async def insert(tx: Tx, name: str, at: datetime) -> Pool:
    """Make a pool; refused where its name is taken."""
    try:
        row = await tx.fetchrow(INSERT, name, at)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken("pool", name) from error
    assert row is not None
    return Pool(**row)


async def rename(tx: Tx, id: int, name: str) -> None:
    """Give it another name; refused where it is taken."""
    try:
        await tx.execute(RENAME, id, name)
    except asyncpg.UniqueViolationError as error:
        raise NameTaken("pool", name) from error


async def make_default(tx: Tx, id: int) -> None:
    """Make it the default in the former one's place."""
    await tx.execute(CLEAR_DEFAULT)
    await tx.execute(SET_DEFAULT, id)


async def delete(tx: Tx, id: int) -> None:
    """Forget the pool; refused while devices or accounts point at it."""
    try:
        await tx.execute(DELETE, id)
    except asyncpg.ForeignKeyViolationError as error:
        raise PoolInUse(f"{error.table_name} belong to it") from error


async def get(tx: Tx, id: int) -> Pool | None:
    """One pool."""
    row = await tx.fetchrow(GET, id)
    return None if row is None else Pool(**row)


async def listed(tx: Tx) -> list[Pool]:
    """Every pool."""
    return [Pool(**row) for row in await tx.fetch(LIST)]


async def counts(tx: Tx, ids: Sequence[int]) -> dict[int, Counts]:
    """The devices of these pools, in one statement."""
    rows = await tx.fetch(COUNTS, ids)
    return {row["id"]: (row["available"], row["total"]) for row in rows}
