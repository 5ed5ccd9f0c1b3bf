"""SQL of sessions and of the refresh tokens that prolong them."""

from datetime import datetime
from uuid import UUID

from waypost.accounts.model import Account
from waypost.accounts.store import COLUMNS, account_of
from waypost.kit.db import Tx

CHANNEL = "waypost_revoked"

# The lock keeps a password from being changed between its check and the start of the session.
OPEN = """
with holder as (
    select id from accounts
     where id = $2 and password_hash = $5 and is_active and deleted_at is null for share
)
insert into sessions (id, account_id, created_at, expires_at) select $1, id, $3, $4 from holder
"""

HOLDER = f"""
select {COLUMNS} from accounts
 where id = $2 and deleted_at is null
   and exists (select from sessions
                where id = $1 and account_id = $2 and revoked_at is null and expires_at > $3)
"""

ADD = "insert into refresh_tokens (digest, session_id, created_at) values ($1, $2, $3)"

USE = """
update refresh_tokens set used_at = $2
 where digest = $1 and used_at is null and created_at > $3
returning session_id
"""

USED = "select session_id from refresh_tokens where digest = $1 and used_at is not null"

PROLONG = """
update sessions s set expires_at = greatest(s.expires_at, $2) from accounts a
 where s.id = $1 and s.revoked_at is null and a.id = s.account_id and a.deleted_at is null
returning a.id, a.is_active
"""

REVOKE = """
update sessions set revoked_at = $2 where id = $1 and revoked_at is null returning account_id
"""

REVOKE_ALL = "update sessions set revoked_at = $2 where account_id = $1 and revoked_at is null"

ANNOUNCE = "select pg_notify($1, $2)"

CLEAR = """
delete from sessions where id in (select id from sessions where expires_at < $1 limit $2)
"""


async def open(
    tx: Tx, id: UUID, account_id: int, password_hash: str, at: datetime, until: datetime
) -> bool:
    """Whether the session was started: not if the password has changed meanwhile."""
    done = await tx.execute(OPEN, id, account_id, at, until, password_hash)
    return done == "INSERT 0 1"


async def holder(tx: Tx, id: UUID, account_id: int, at: datetime) -> Account | None:
    """Whose live session this is."""
    row = await tx.fetchrow(HOLDER, id, account_id, at)
    return account_of(row)


async def add_token(tx: Tx, digest: bytes, session_id: UUID, at: datetime) -> None:
    """Keep a refresh token, as its digest."""
    await tx.execute(ADD, digest, session_id, at)


async def use_token(tx: Tx, digest: bytes, at: datetime, oldest: datetime) -> UUID | None:
    """The session that the token prolongs, once; None when it is unknown, used or too old."""
    session_id: UUID | None = await tx.fetchval(USE, digest, at, oldest)
    return session_id


async def used_token(tx: Tx, digest: bytes) -> UUID | None:
    """The session of a token that was used before."""
    session_id: UUID | None = await tx.fetchval(USED, digest)
    return session_id


async def prolong(tx: Tx, id: UUID, until: datetime) -> tuple[int, bool] | None:
    """Whose session it is, and whether they are active; None where it was revoked."""
    row = await tx.fetchrow(PROLONG, id, until)
    return None if row is None else (row["id"], row["is_active"])


async def revoke(tx: Tx, id: UUID, at: datetime) -> int | None:
    """End a session, and tell every process; returns its account, None if it had ended before."""
    account_id: int | None = await tx.fetchval(REVOKE, id, at)
    if account_id is not None:
        await announce(tx, account_id)
    return account_id


async def revoke_all(tx: Tx, account_id: int, at: datetime) -> None:
    """End every session of an account, and tell every process."""
    await tx.execute(REVOKE_ALL, account_id, at)
    await announce(tx, account_id)


async def announce(tx: Tx, account_id: int) -> None:
    """Have every process forget, at the commit, what it knows of this account."""
    await tx.execute(ANNOUNCE, CHANNEL, str(account_id))


async def clear(tx: Tx, before: datetime, most: int) -> None:
    """Delete sessions that ended by themselves, with their tokens."""
    await tx.execute(CLEAR, before, most)
