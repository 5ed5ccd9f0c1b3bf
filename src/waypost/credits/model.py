"""Whole credits and the entries that explain them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

PRICE = 1
"""Credits that one message costs."""


class Kind(StrEnum):
    """Why credits moved."""

    SIGNUP = "signup"
    GRANT = "grant"
    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Wallet:
    """An account's balance, and the number of its last ledger entry."""

    account_id: int
    credits: int
    entries: int


@dataclass(frozen=True, slots=True)
class Move:
    """Credits to be moved (negative: taken), and why."""

    account_id: int
    delta: int
    kind: Kind
    message_id: UUID | None = None
    actor_id: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger; `balance` is what it left."""

    number: int
    delta: int
    balance: int
    kind: Kind
    message_id: UUID | None
    reason: str | None
    at: datetime
