"""Accounts for tests of verbs: opened as people open them, signed in as they sign in."""

from datetime import UTC, datetime

from waypost.accounts.guard import Guard
from waypost.accounts.model import Account, NewAccount
from waypost.accounts.signin import SignIn
from waypost.credits.open_account import open_account
from waypost.kit.clock import Clock, SystemClock
from waypost.kit.config import Settings
from waypost.kit.crypto import hash_password
from waypost.kit.db import Database, Tx
from waypost.kit.ids import Ids
from waypost.kit.limits import Limiter
from waypost.kit.web import Exchange

PASSWORD = "password123"
SETTINGS = Settings(jwt_secret="s" * 32, seal_key="k" * 32)


async def opened(
    db: Database, username: str, *, is_admin: bool = False, credits: int = 100
) -> Account:
    """An account with the usual password."""
    new = NewAccount(username, await hash_password(PASSWORD), is_admin=is_admin)

    async def work(tx: Tx) -> Account:
        return await open_account(tx, new, credits, datetime.now(UTC))

    return await db.transact(work)


def desk(db: Database, clock: Clock | None = None, settings: Settings = SETTINGS) -> SignIn:
    """A sign-in desk as one process has it."""
    clock = clock or SystemClock()
    tokens = guard(db, clock, settings).tokens
    return SignIn(db, clock, Ids(clock), tokens, settings.refresh_token_seconds)


def guard(db: Database, clock: Clock | None = None, settings: Settings = SETTINGS) -> Guard:
    """A guard as one process has it."""
    return Guard(db, settings, clock or SystemClock(), Limiter(None))


def exchange() -> Exchange:
    """The exchange of one request."""
    return Exchange("req_test")


def bearer(token: str) -> bytes:
    """The header by which a token is sent."""
    return f"Bearer {token}".encode()
