"""Open an account together with its wallet and its first credits."""

from datetime import datetime

from waypost.accounts import register
from waypost.accounts.model import Account, NewAccount
from waypost.credits import ledger
from waypost.credits.model import Kind, Move
from waypost.kit.db import Tx


async def open_account(
    tx: Tx,
    new: NewAccount,
    credits: int,
    at: datetime,
    kind: Kind = Kind.SIGNUP,
    actor_id: int | None = None,
) -> Account:
    """The new account; `kind` says why it starts with its credits."""
    account = await register.open_account(tx, new, at)
    await ledger.open_wallet(tx, account.id)
    if credits:
        await ledger.post(tx, [Move(account.id, credits, kind, actor_id=actor_id)], at)
    return account
