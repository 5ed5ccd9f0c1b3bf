"""Accounts as admins see them, and what admins did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from waypost.accounts.model import Account


@dataclass(frozen=True, slots=True)
class User:
    """An account and its balance."""

    account: Account
    credits: int


@dataclass(frozen=True, slots=True)
class Deed:
    """An entry of the audit log; without an actor it was done from the shell."""

    id: int
    at: datetime
    actor_id: int | None
    action: str
    target: str
    detail: Mapping[str, object]
