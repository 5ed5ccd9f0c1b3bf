"""What a database and a data directory need before anything can run."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from waypost.accounts import agree
from waypost.admin.accounts import ensure_admin
from waypost.app.migrate import migrate
from waypost.devices import pools, vault
from waypost.kit.clock import Clock
from waypost.kit.config import Settings
from waypost.kit.db import Database, Tx
from waypost.kit.log import get
from waypost.kit.seal import sealer
from waypost.messages import partitions

SECRET_FILE = "jwt-secret"
SEAL_FILE = "seal-key"

log = get(__name__)


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a start found missing and made."""

    admin_password: str | None
    """The administrator's password, where it was made here and must be shown now."""
    made_sandbox: bool


async def prepare(settings: Settings, database_url: str, clock: Clock) -> FirstStart:
    """Newest schema, the same keys as on other machines, room for messages, a default pool, an
    administrator."""
    await migrate(database_url)
    async with _opened(database_url) as db:
        await _agree(settings, db, clock)
        made_sandbox = await furnish(db, clock)
        password = settings.admin_password or secrets.token_urlsafe(12)
        made_admin = await ensure_admin(
            db, clock, settings.admin_username, password, settings.signup_credits
        )
        shown = made_admin and settings.admin_password is None
        return FirstStart(password if shown else None, made_sandbox)


async def join(settings: Settings, database_url: str, clock: Clock) -> None:
    """What a worker needs: newest schema, the same key of secrets as on other machines."""
    await migrate(database_url)
    async with _opened(database_url) as db:
        await _agree_on_seal(settings, db, clock)


async def _agree(settings: Settings, db: Database, clock: Clock) -> None:
    """The data directory's own secret is made beside its database: there is nobody to differ."""
    secret, previous = settings.jwt_secret, settings.jwt_previous_secrets
    if settings.database_url is not None and secret is not None:
        await db.transact(lambda tx: agree.on_token_key(tx, secret, previous, clock.now()))
    await _agree_on_seal(settings, db, clock)


async def _agree_on_seal(settings: Settings, db: Database, clock: Clock) -> None:
    """And seal with our key what a former one sealed, so that it can be taken away."""
    key, previous = settings.seal_key, settings.seal_previous_keys
    if settings.database_url is not None and key is not None:
        await db.transact(lambda tx: agree.on_seal_key(tx, key, previous, clock.now()))
    if previous:
        renewed = await db.transact(lambda tx: vault.renew(tx, sealer(settings)))
        log.info("secrets.renewed", count=renewed)


async def furnish(db: Database, clock: Clock) -> bool:
    """Room for messages and a default pool, where they are missing; whether the pool was."""

    async def lay(tx: Tx) -> bool:
        await partitions.ensure(tx, clock.now())
        return await pools.ensure_default(tx, clock)

    return await db.transact(lay)


def with_keys(settings: Settings) -> Settings:
    """Where the settings have no keys, the data directory's own, made once."""
    secret = settings.jwt_secret or _own(settings.data_dir / SECRET_FILE)
    return replace(with_seal_key(settings), jwt_secret=secret)


def with_seal_key(settings: Settings) -> Settings:
    """Where the settings have no key for secrets, the data directory's own, made once."""
    return replace(settings, seal_key=settings.seal_key or _own(settings.data_dir / SEAL_FILE))


def _own(path: Path) -> str:
    if not path.exists():
        _make(path)
    return path.read_text("ascii").strip()


def _make(path: Path) -> None:
    """Write a new key so that a reader, or a crash, never sees half of it, nor two of them."""
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):  # another process was faster, and its key holds
        path.hardlink_to(draft)
    draft.unlink()


@asynccontextmanager
async def _opened(database_url: str) -> AsyncIterator[Database]:
    db = Database(database_url, 2, "waypost start")
    await db.open()
    try:
        yield db
    finally:
        await db.close()
