"""Open an account."""

from datetime import datetime

from waypost.accounts import store
from waypost.accounts.errors import UsernameTaken
from waypost.accounts.model import Account, NewAccount
from waypost.kit.db import Tx
from waypost.kit.errors import Invalid


async def open_account(tx: Tx, new: NewAccount, at: datetime) -> Account:
    """The new account, in its pool; refused when the name is taken or the pool unknown."""
    pool_id = await known_pool(tx, new.pool_id)
    account = await store.insert(tx, new, pool_id, at)
    if account is None:
        raise UsernameTaken
    return account


async def known_pool(tx: Tx, wanted: int | None) -> int:
    """The wanted pool, or without a wish the default one."""
    pool_id = await store.pool(tx, wanted)
    if pool_id is None and wanted is None:
        raise LookupError("there is no default pool")
    if pool_id is None:
        raise Invalid.field("pool_id", "there is no such pool")
    return pool_id
