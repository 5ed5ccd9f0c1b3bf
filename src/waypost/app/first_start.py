"""What a database and a data directory need before anything can run."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from waypost.admin.accounts import ensure_admin
from waypost.app.migrate import migrate
from waypost.devices import pools
from waypost.kit.clock import Clock
from waypost.kit.config import Settings
from waypost.kit.db import Database, Tx
from waypost.messages import partitions

SECRET_FILE = "jwt-secret"


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a start found missing and made."""

    admin_password: str | None
    """The administrator's password, where it was made here and must be shown now."""
    made_sandbox: bool


async def prepare(settings: Settings, database_url: str, clock: Clock) -> FirstStart:
    """Newest schema, room for messages, a default pool, an administrator."""
    await migrate(database_url)
    db = Database(database_url, 2, "waypost start")
    await db.open()
    try:
        made_sandbox = await furnish(db, clock)
        password = settings.admin_password or secrets.token_urlsafe(12)
        made_admin = await ensure_admin(
            db, clock, settings.admin_username, password, settings.signup_credits
        )
        shown = made_admin and settings.admin_password is None
        return FirstStart(password if shown else None, made_sandbox)
    finally:
        await db.close()


async def furnish(db: Database, clock: Clock) -> bool:
    """Room for messages and a default pool, where they are missing; whether the pool was."""

    async def lay(tx: Tx) -> bool:
        await partitions.ensure(tx, clock.now())
        return await pools.ensure_default(tx, clock)

    return await db.transact(lay)


def jwt_secret(settings: Settings) -> str:
    """The key of the access tokens: the setting, or the data directory's own, made once."""
    if settings.jwt_secret is not None:
        return settings.jwt_secret
    path = settings.data_dir / SECRET_FILE
    if not path.exists():
        _make(path)
    return path.read_text("ascii").strip()


def _make(path: Path) -> None:
    """Write a new secret so that a reader, or a crash, never sees half of it."""
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
