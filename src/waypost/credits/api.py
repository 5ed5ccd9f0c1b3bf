"""Routes of people's own account: balance, statement, profile."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as QueryOf
from pydantic import BaseModel

from waypost.accounts import profile
from waypost.accounts.fields import Email, PhoneNumber
from waypost.accounts.guard import Member
from waypost.accounts.model import Account, OnUncertain
from waypost.credits import auth_api, ledger, statement
from waypost.credits.statement import StatementAnswer
from waypost.kit.asks import CursorQuery
from waypost.kit.db import Tx
from waypost.kit.routing import Body, Db, contract_router

users = contract_router("/api/users/user", "Users")


class CreditsAnswer(BaseModel):
    """What you have now."""

    credits: int
    username: str


class ProfileBody(Body):
    """What is to be different about you.

    `on_uncertain` says what becomes of a message whose answer never came: `hold` waits for news,
    `resend` sends it again, `fail` gives it up and its credit back.
    """

    email: Email | None = None
    notification_number: PhoneNumber | None = None
    on_uncertain: OnUncertain | None = None


class ProfileAnswer(BaseModel):
    """You; `created_at` is in UTC, and has no zone letter."""

    id: int
    username: str
    email: str | None
    notification_number: str | None
    credits: int
    is_admin: bool
    on_uncertain: OnUncertain
    created_at: str


@users.get("/credits")
async def credits(me: Member, db: Db) -> CreditsAnswer:
    """Your balance."""
    async with db.read() as tx:
        return CreditsAnswer(credits=await ledger.balance(tx, me.account_id), username=me.username)


@users.get("/statement")
async def read_statement(
    me: Member, db: Db, query: Annotated[CursorQuery, QueryOf()]
) -> StatementAnswer:
    """Every credit that came or went, newest first."""
    async with db.read() as tx:
        return await statement.read(tx, me.account_id, query)


@users.get("/profile")
async def read_profile(me: Member, db: Db) -> ProfileAnswer:
    """Your account."""
    async with db.read() as tx:
        return await _shown(tx, await profile.read(tx, me))


@users.patch("/profile")
async def change_profile(me: Member, db: Db, body: ProfileBody) -> ProfileAnswer:
    """Change your e-mail address, the number for notifications, or what an uncertain send does."""
    async with db.tx() as tx:
        account = await profile.change(
            tx, me, body.email, body.notification_number, body.on_uncertain
        )
        return await _shown(tx, account)


async def _shown(tx: Tx, account: Account) -> ProfileAnswer:
    return ProfileAnswer(
        id=account.id,
        username=account.username,
        email=account.email,
        notification_number=account.notification_number,
        credits=await ledger.balance(tx, account.id),
        is_admin=account.is_admin,
        on_uncertain=account.on_uncertain,
        created_at=f"{account.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
    )


router = APIRouter()
router.include_router(auth_api.router)
router.include_router(users)
