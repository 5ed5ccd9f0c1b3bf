"""Machines that share a database must share its keys: each compares at its start."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from waypost.accounts import store_keys, tokens
from waypost.kit import seal
from waypost.kit.db import Tx

TOKENS = "tokens"
SECRETS = "secrets"


class OtherKey(Exception):
    """This machine has another key than the others of its database."""

    def __init__(self, setting: str, consequence: str, previous: str) -> None:
        super().__init__(
            f"{setting} is not the one that this database is used with, so {consequence}. Set the"
            f" same everywhere; to change it, name the former one in {previous}."
        )


async def on_token_key(tx: Tx, secret: str, previous: Sequence[str], at: datetime) -> None:
    """Raise OtherKey unless this secret is in use, or one of `previous` was until now."""
    former = map(tokens.fingerprint, previous)
    if not await _agreed(tx, TOKENS, tokens.fingerprint(secret), former, at):
        raise OtherKey(
            "WAYPOST_JWT_SECRET",
            "tokens of other machines would be refused here",
            "WAYPOST_JWT_PREVIOUS_SECRETS",
        )


async def on_seal_key(tx: Tx, key: str, previous: Sequence[str], at: datetime) -> None:
    """Raise OtherKey unless this key is in use, or one of `previous` was until now."""
    former = map(seal.fingerprint, previous)
    if not await _agreed(tx, SECRETS, seal.fingerprint(key), former, at):
        raise OtherKey(
            "WAYPOST_SEAL_KEY",
            "devices' secrets could not be opened here",
            "WAYPOST_SEAL_PREVIOUS_KEYS",
        )


async def _agreed(tx: Tx, name: str, ours: str, former: Iterable[str], at: datetime) -> bool:
    held = await store_keys.held(tx, name, ours, at)
    if held == ours:
        return True
    if held not in former:
        return False
    await store_keys.replace(tx, name, ours, at)
    return True
