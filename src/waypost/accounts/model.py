"""Accounts, and who is asking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from waypost.kit.config import Rate

Kind = Literal["send", "bulk", "status", "default"]
"""What an account's requests are counted as."""

KINDS: tuple[Kind, ...] = get_args(Kind)

OnUncertain = Literal["hold", "resend", "fail"]
"""What becomes of a message whose answer never came: it waits for news, goes again, or failed."""

MOST_WEIGHT = 100


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in.

    `rate_limits` are the account's own, as they were written. `weight` is its share of a pool:
    an account of weight 2 gets twice what one of weight 1 gets while both have messages waiting.
    """

    id: int
    username: str
    email: str | None
    notification_number: str | None
    is_admin: bool
    is_active: bool
    pool_id: int
    rate_limits: Mapping[Kind, str]
    weight: int
    on_uncertain: OnUncertain
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is opened with; without a pool it gets the default one."""

    username: str
    password_hash: str = field(repr=False)
    email: str | None = None
    notification_number: str | None = None
    is_admin: bool = False
    pool_id: int | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes different about an account; None leaves a thing as it is."""

    email: str | None = None
    notification_number: str | None = None
    is_active: bool | None = None
    is_admin: bool | None = None
    pool_id: int | None = None
    rate_limits: Mapping[Kind, str] | None = None
    weight: int | None = None
    on_uncertain: OnUncertain | None = None
    password_hash: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, and within which limits (None: without)."""

    account_id: int
    username: str
    session_id: UUID
    is_admin: bool
    pool_id: int
    weight: int
    rate_limits: Mapping[Kind, Rate | None]
    expires_at: datetime
