"""What a password must be, and how it is changed."""

from datetime import datetime

from waypost.accounts import store, store_sessions
from waypost.accounts.errors import WrongPassword
from waypost.accounts.model import Principal
from waypost.kit.crypto import hash_password, verify_password
from waypost.kit.db import Database, Tx
from waypost.kit.errors import Invalid

SHORTEST = 8
LONGEST = 256


def flaw(password: str, username: str = "") -> str | None:
    """Why this cannot be the password of that user; None where it can."""
    if len(password) < SHORTEST:
        return f"must have at least {SHORTEST} characters"
    if len(password) > LONGEST:
        return f"must have at most {LONGEST} characters"
    if password.casefold() == username.casefold():
        return "must not be the username"
    return None


async def hashed(password: str, username: str, field: str = "password") -> str:
    """The hash to keep; a password with a flaw is refused by its field's name."""
    problem = flaw(password, username)
    if problem is not None:
        raise Invalid.field(field, problem)
    return await hash_password(password)


async def change(db: Database, who: Principal, current: str, new: str, at: datetime) -> None:
    """Replace the password of who knows it, and end all their sessions."""
    async with db.read() as tx:
        found = await store.credentials(tx, who.username)
    _, old_hash = found or (None, None)
    if not await verify_password(current, old_hash) or old_hash is None:
        raise WrongPassword
    new_hash = await hashed(new, who.username, "new_password")

    async def work(tx: Tx) -> None:
        if not await store.replace_password(tx, who.account_id, old_hash, new_hash):
            raise WrongPassword
        await store_sessions.revoke_all(tx, who.account_id, at)

    await db.transact(work)
