"""Passwords and tokens."""

import asyncio
import hashlib
import secrets
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

# OWASP's argon2id profile: 19 MiB, two passes, one lane.
_HASHER = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19_456, parallelism=1),))


async def hash_password(password: str) -> str:
    """An argon2id hash, computed off the event loop."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password fits; takes as long for an account that does not exist."""
    return await asyncio.to_thread(_verify, password, hashed)


def _verify(password: str, hashed: str | None) -> bool:
    return _HASHER.verify(password, hashed or _nobody()) and hashed is not None


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe())


def new_secret(prefix: str = "") -> str:
    """A random text of 256 bits to be shown once."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """How a random secret is stored: its SHA-256 (no salt is needed for 256 random bits)."""
    return hashlib.sha256(secret.encode()).digest()
