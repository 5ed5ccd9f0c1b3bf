"""The sign-in desk, as routes ask for it."""

from typing import Annotated

from fastapi import Depends, Request

from waypost.accounts.guard import Guarded
from waypost.accounts.signin import SignIn
from waypost.kit.config import Settings
from waypost.kit.ids import Ids
from waypost.kit.routing import Db, Time


def settings(request: Request) -> Settings:
    """The settings of the application that serves this request."""
    found: Settings = request.app.state.settings
    return found


Config = Annotated[Settings, Depends(settings)]


def sign_in(db: Db, clock: Time, guard: Guarded, config: Config) -> SignIn:
    """What starts, prolongs and ends sessions."""
    return SignIn(db, clock, Ids(clock), guard.tokens, config.refresh_token_seconds)


Desk = Annotated[SignIn, Depends(sign_in)]
