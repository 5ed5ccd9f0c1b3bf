"""Routes that let people in: their answers, or what they do, involve a balance."""

from fastapi import Depends
from pydantic import BaseModel

from waypost.accounts import password
from waypost.accounts.desk import Config, Desk
from waypost.accounts.errors import RegistrationClosed
from waypost.accounts.fields import Email, NewPassword, PhoneNumber, Username, canonical
from waypost.accounts.guard import by_address
from waypost.accounts.model import Account, NewAccount
from waypost.accounts.tokens import BEARER
from waypost.credits import ledger
from waypost.credits.open_account import open_account
from waypost.kit.db import Tx
from waypost.kit.routing import Body, Db, Time, contract_router
from waypost.kit.texts import Text

router = contract_router("/api/auth", "Authentication")


class LoginBody(Body):
    """Who you say you are."""

    username: Text
    password: Text


class LoginAnswer(BaseModel):
    """A session: send `access_token` as Bearer; `expires_in` is its life in seconds."""

    access_token: str
    token_type: str = BEARER
    user_id: int
    username: str
    credits: int
    is_admin: bool
    expires_in: int
    refresh_token: str


class RegisterBody(Body):
    """An account for yourself."""

    username: Username
    password: NewPassword
    email: Email | None = None
    notification_number: PhoneNumber | None = None


class RegisterAnswer(BaseModel):
    """The account was opened; now log in."""

    message: str
    user_id: int


@router.post("/login", dependencies=[Depends(by_address)])
async def login(desk: Desk, db: Db, body: LoginBody) -> LoginAnswer:
    """Exchange username and password for tokens."""
    account, pair = await desk.login(canonical(body.username), body.password)
    async with db.read() as tx:
        credits = await ledger.balance(tx, account.id)
    return LoginAnswer(
        access_token=pair.access_token,
        user_id=account.id,
        username=account.username,
        credits=credits,
        is_admin=account.is_admin,
        expires_in=pair.expires_in,
        refresh_token=pair.refresh_token,
    )


@router.post("/register", status_code=201, dependencies=[Depends(by_address)])
async def register(db: Db, time: Time, config: Config, body: RegisterBody) -> RegisterAnswer:
    """Open an account; it starts with the configured sign-up credits."""
    if config.registration == "closed":
        raise RegistrationClosed
    new = NewAccount(
        body.username,
        await password.hashed(body.password, body.username),
        body.email,
        body.notification_number,
    )

    async def work(tx: Tx) -> Account:
        return await open_account(tx, new, config.signup_credits, time.now())

    account = await db.transact(work)
    return RegisterAnswer(message="User created successfully", user_id=account.id)
