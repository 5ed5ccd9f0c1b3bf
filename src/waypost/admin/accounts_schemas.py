"""What the account routes of admins take and answer."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from waypost.accounts.fields import Email, NewPassword, PhoneNumber, Username
from waypost.accounts.model import MOST_WEIGHT, Changes, Kind, OnUncertain
from waypost.admin.model import Deed, User
from waypost.kit.answers import Pagination
from waypost.kit.asks import BodyId
from waypost.kit.config_values import RATE
from waypost.kit.routing import Body, zulu
from waypost.kit.texts import Text

MOST_CREDITS = 1_000_000_000_000
LONGEST_REASON = 500


def _rate(text: str) -> str:
    try:
        RATE.parse(text)
    except ValueError:
        raise ValueError(f"must be {RATE.expected}") from None
    return text


def _moves(amount: int) -> int:
    if amount == 0:
        raise ValueError("must not be zero")
    return amount


def _reason(text: str) -> str:
    reason = text.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise ValueError(f"must have 1 to {LONGEST_REASON} characters")
    return reason


RateText = Annotated[Text, AfterValidator(_rate)]
Amount = Annotated[int, Field(ge=-MOST_CREDITS, le=MOST_CREDITS), AfterValidator(_moves)]
Reason = Annotated[Text, AfterValidator(_reason)]


class NewUserBody(Body):
    """An account to open; without `credits` it gets the sign-up credits."""

    username: Username
    password: NewPassword
    email: Email | None = None
    notification_number: PhoneNumber | None = None
    is_admin: bool | None = None
    credits: int | None = Field(None, ge=0, le=MOST_CREDITS)
    pool_id: BodyId | None = None


class RateLimitsBody(Body):
    """An account's own limits, such as 10/minute or off; what is left out is the server's."""

    send: RateText | None = None
    bulk: RateText | None = None
    status: RateText | None = None
    default: RateText | None = None

    def given(self) -> dict[Kind, str]:
        limits: dict[Kind, str | None] = {
            "send": self.send,
            "bulk": self.bulk,
            "status": self.status,
            "default": self.default,
        }
        return {kind: rate for kind, rate in limits.items() if rate is not None}


class UserChangeBody(Body):
    """What is to be different; `rate_limits` replace all former ones.

    `weight` is the account's share of its pool beside the others' while messages wait.
    """

    is_active: bool | None = None
    is_admin: bool | None = None
    pool_id: BodyId | None = None
    rate_limits: RateLimitsBody | None = None
    weight: int | None = Field(None, ge=1, le=MOST_WEIGHT)
    password: NewPassword | None = None

    def changes(self) -> Changes:
        return Changes(
            is_active=self.is_active,
            is_admin=self.is_admin,
            pool_id=self.pool_id,
            rate_limits=None if self.rate_limits is None else self.rate_limits.given(),
            weight=self.weight,
        )


class GiftBody(Body):
    """Credits to give, or to take (negative), and why."""

    amount: Amount
    reason: Reason


class GiftAnswer(BaseModel):
    """The balance after it."""

    user_id: int
    credits: int


class UserAnswer(BaseModel):
    """An account as admins see it."""

    id: int
    username: str
    email: str | None
    notification_number: str | None
    credits: int
    is_admin: bool
    is_active: bool
    pool_id: int
    rate_limits: dict[str, str]
    weight: int
    on_uncertain: OnUncertain
    created_at: str


class UsersAnswer(BaseModel):
    """A page of accounts, oldest first."""

    users: list[UserAnswer]
    pagination: Pagination


class DeedAnswer(BaseModel):
    """An entry of the audit log; `actor_id` is null for what was done from the shell."""

    id: int
    at: str
    actor_id: int | None
    action: str
    target: str
    detail: dict[str, object]


class AuditAnswer(BaseModel):
    """Entries, newest first; `next_cursor` is null on the last page."""

    entries: list[DeedAnswer]
    next_cursor: str | None


def shown(user: User) -> UserAnswer:
    """The answer's form of an account."""
    account = user.account
    return UserAnswer(
        id=account.id,
        username=account.username,
        email=account.email,
        notification_number=account.notification_number,
        credits=user.credits,
        is_admin=account.is_admin,
        is_active=account.is_active,
        pool_id=account.pool_id,
        rate_limits={str(kind): rate for kind, rate in account.rate_limits.items()},
        weight=account.weight,
        on_uncertain=account.on_uncertain,
        created_at=zulu(account.created_at),
    )


def shown_deed(deed: Deed) -> DeedAnswer:
    """The answer's form of an entry."""
    return DeedAnswer(
        id=deed.id,
        at=zulu(deed.at),
        actor_id=deed.actor_id,
        action=deed.action,
        target=deed.target,
        detail=dict(deed.detail),
    )
