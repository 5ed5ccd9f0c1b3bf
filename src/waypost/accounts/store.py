"""SQL of accounts."""

import json
from collections.abc import Collection
from datetime import datetime

import asyncpg

from waypost.accounts.model import Account, Changes, NewAccount, OnUncertain
from waypost.kit.db import Tx

COLUMNS = """id, username, email, notification_number, is_admin, is_active, pool_id, rate_limits,
             weight, on_uncertain, created_at"""

# A deleted account must not keep a pool from being deleted.
LEAVE_POOL = """
update accounts set pool_id = (select id from pools where is_default)
 where pool_id = $1 and deleted_at is not null
"""

POOL = "select id from pools where case when $1::bigint is null then is_default else id = $1 end"

INSERT = f"""
insert into accounts
    (username, password_hash, email, notification_number, is_admin, pool_id, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (lower(username)) where deleted_at is null do nothing
returning {COLUMNS}
"""

FIND = f"select {COLUMNS} from accounts where id = $1 and deleted_at is null"

CREDENTIALS = f"""
select {COLUMNS}, password_hash from accounts
 where lower(username) = lower($1) and deleted_at is null
"""

PAGE = f"""
select {COLUMNS} from accounts where deleted_at is null order by id limit $1 offset $2
"""

COUNT = "select count(*) from accounts where deleted_at is null"

# In the order of ids, so that two who take from the admins wait for each other.
LOCK_ACTIVE_ADMINS = """
select id from accounts where is_admin and is_active and deleted_at is null
 order by id for no key update
"""

ANY_ADMIN = "select exists (select from accounts where is_admin and deleted_at is null)"

CHANGE = f"""
update accounts set
       email = coalesce($2, email), notification_number = coalesce($3, notification_number),
       is_active = coalesce($4, is_active), is_admin = coalesce($5, is_admin),
       pool_id = coalesce($6, pool_id), rate_limits = coalesce($7::jsonb, rate_limits),
       password_hash = coalesce($8, password_hash), weight = coalesce($9, weight),
       on_uncertain = coalesce($10, on_uncertain)
 where id = $1 and deleted_at is null
returning {COLUMNS}
"""

# Deleted accounts too: what they sent before goes on. Every id has an answer.
WEIGHTS = """
select id, coalesce(weight, 1) as weight
  from unnest($1::bigint[]) as asked (id) left join accounts using (id)
"""

POLICIES = """
select id, coalesce(on_uncertain, 'hold') as on_uncertain
  from unnest($1::bigint[]) as asked (id) left join accounts using (id)
"""

POOLS = "select id, pool_id from accounts where id = any($1::bigint[])"

SWAP_HASH = """
update accounts set password_hash = $3 where id = $1 and password_hash = $2 and deleted_at is null
"""

CLOSE = f"""
update accounts set deleted_at = $2 where id = $1 and deleted_at is null returning {COLUMNS}
"""

# Readers go on; whoever would open, change or close an account waits.
HOLD = "lock table accounts in share row exclusive mode"


async def pool(tx: Tx, wanted: int | None) -> int | None:
    """The wanted pool, or the default one; None where there is none."""
    id: int | None = await tx.fetchval(POOL, wanted)
    return id


async def insert(tx: Tx, new: NewAccount, pool_id: int, at: datetime) -> Account | None:
    """The account as it was made; None where its name is taken."""
    row = await tx.fetchrow(
        INSERT,
        new.username,
        new.password_hash,
        new.email,
        new.notification_number,
        new.is_admin,
        pool_id,
        at,
    )
    return account_of(row)


async def find(tx: Tx, id: int) -> Account | None:
    """The account, unless it was deleted."""
    row = await tx.fetchrow(FIND, id)
    return account_of(row)


async def credentials(tx: Tx, username: str) -> tuple[Account, str] | None:
    """The account of this name, and its password's hash."""
    row = await tx.fetchrow(CREDENTIALS, username)
    return None if row is None else (_account(row), row["password_hash"])


async def page(tx: Tx, most: int, skip: int) -> list[Account]:
    """Accounts in the order in which they came."""
    return [_account(row) for row in await tx.fetch(PAGE, most, skip)]


async def count(tx: Tx) -> int:
    """How many accounts there are."""
    total: int = await tx.fetchval(COUNT)
    return total


async def lock_active_admins(tx: Tx) -> set[int]:
    """Those who can undo things, held until the transaction ends."""
    return {row["id"] for row in await tx.fetch(LOCK_ACTIVE_ADMINS)}


async def any_admin(tx: Tx) -> bool:
    """Whether there is an admin, active or not."""
    exists: bool = await tx.fetchval(ANY_ADMIN)
    return exists


async def change(tx: Tx, id: int, changes: Changes) -> Account | None:
    """The account after the changes; None where it is gone."""
    row = await tx.fetchrow(
        CHANGE,
        id,
        changes.email,
        changes.notification_number,
        changes.is_active,
        changes.is_admin,
        changes.pool_id,
        None if changes.rate_limits is None else json.dumps(dict(changes.rate_limits)),
        changes.password_hash,
        changes.weight,
        changes.on_uncertain,
    )
    return account_of(row)


async def weights(tx: Tx, ids: Collection[int]) -> dict[int, int]:
    """The accounts' shares of their pools."""
    return {row["id"]: row["weight"] for row in await tx.fetch(WEIGHTS, ids)}


async def policies(tx: Tx, ids: Collection[int]) -> dict[int, OnUncertain]:
    """What the accounts want done with messages whose answer never came."""
    return {row["id"]: row["on_uncertain"] for row in await tx.fetch(POLICIES, ids)}


async def pools(tx: Tx, ids: Collection[int]) -> dict[int, int]:
    """Through which pools the accounts send."""
    return {row["id"]: row["pool_id"] for row in await tx.fetch(POOLS, ids)}


async def replace_password(tx: Tx, id: int, old_hash: str, new_hash: str) -> bool:
    """Whether the old one was still in place, and is now replaced."""
    return await tx.execute(SWAP_HASH, id, old_hash, new_hash) == "UPDATE 1"


async def close(tx: Tx, id: int, at: datetime) -> Account | None:
    """The account as it was closed; None where it was gone."""
    return account_of(await tx.fetchrow(CLOSE, id, at))


async def hold(tx: Tx) -> None:
    """Keep all accounts as they are until the transaction ends."""
    await tx.execute(HOLD)


def account_of(row: asyncpg.Record | None) -> Account | None:
    """The account in a row of COLUMNS."""
    return None if row is None else _account(row)


def _account(row: asyncpg.Record) -> Account:
    values = {name: row[name] for name in Account.__slots__}
    return Account(**{**values, "rate_limits": json.loads(row["rate_limits"])})


async def leave_pool(tx: Tx, pool_id: int) -> None:
    """Let what is left of deleted accounts point at the default pool."""
    await tx.execute(LEAVE_POOL, pool_id)
