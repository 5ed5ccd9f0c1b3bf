"""Refusals about who you are."""

from waypost.kit.errors import Conflict, Forbidden, Unauthorized


class WrongCredentials(Unauthorized):
    """The same words for an unknown user and a wrong password."""

    def __init__(self) -> None:
        super().__init__("Invalid username or password")


class WrongPassword(Unauthorized):
    """The present password was not the one given."""

    def __init__(self) -> None:
        super().__init__("The current password is wrong")


class BadRefreshToken(Unauthorized):
    """It is unknown, expired, revoked or was used before."""

    def __init__(self) -> None:
        super().__init__("Invalid, expired or used refresh token")


class AccountDisabled(Forbidden):
    """An admin has switched the account off."""

    def __init__(self) -> None:
        super().__init__("This account is disabled")


class NotAnAdmin(Forbidden):
    """Only admins may do this."""

    def __init__(self) -> None:
        super().__init__("Only an admin may do this")


class RegistrationClosed(Forbidden):
    """Accounts are opened by an admin."""

    def __init__(self) -> None:
        super().__init__("Registration is closed: ask an admin for an account")


class UsernameTaken(Conflict):
    """Another account has the name, in whatever case."""

    def __init__(self) -> None:
        super().__init__("This username is taken")


class LastAdmin(Conflict):
    """Nobody would be left who could undo it."""

    def __init__(self) -> None:
        super().__init__("This is the last active admin")
