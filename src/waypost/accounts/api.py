"""Routes that prolong and end sessions.

Those whose answers show a balance (log in, register, profile) stand in `credits`.
"""

from fastapi import Depends
from pydantic import BaseModel

from waypost.accounts import password
from waypost.accounts.desk import Desk
from waypost.accounts.errors import BadRefreshToken
from waypost.accounts.fields import NewPassword
from waypost.accounts.guard import Guarded, Member, by_address
from waypost.accounts.signin import Reused
from waypost.accounts.tokens import BEARER
from waypost.kit.answers import Said
from waypost.kit.routing import Body, Db, Time, contract_router
from waypost.kit.texts import Text

router = contract_router("/api/auth", "Authentication")


class RefreshBody(Body):
    """The refresh token of the last answer; it is used up."""

    refresh_token: Text


class PasswordBody(Body):
    """The password so far, and the one from now on."""

    current_password: Text
    new_password: NewPassword


class PairAnswer(BaseModel):
    """The next pair of tokens; `expires_in` is the access token's life in seconds."""

    access_token: str
    token_type: str = BEARER
    expires_in: int
    refresh_token: str


@router.post("/refresh", dependencies=[Depends(by_address)])
async def refresh(desk: Desk, guard: Guarded, body: RefreshBody) -> PairAnswer:
    """Exchange a refresh token; one that comes a second time ends its session."""
    pair = await desk.refresh(body.refresh_token)
    if isinstance(pair, Reused):
        guard.forget(pair.account_id)
        raise BadRefreshToken
    return PairAnswer(
        access_token=pair.access_token,
        expires_in=pair.expires_in,
        refresh_token=pair.refresh_token,
    )


@router.post("/logout")
async def logout(me: Member, desk: Desk, guard: Guarded) -> Said:
    """End the session of this token."""
    await desk.logout(me)
    guard.forget(me.account_id)
    return Said(message="Logged out successfully")


@router.post("/change-password", dependencies=[Depends(by_address)])
async def change_password(
    me: Member, db: Db, time: Time, guard: Guarded, body: PasswordBody
) -> Said:
    """Replace your password; every session ends, this one too."""
    await password.change(db, me, body.current_password, body.new_password, time.now())
    guard.forget(me.account_id)
    return Said(message="Password changed successfully")
