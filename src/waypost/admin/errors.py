"""Refusals to admins."""

from waypost.credits.errors import InsufficientCredits
from waypost.kit.errors import Refusal


class CannotTake(Refusal):
    """More would be taken from an account than it has."""

    code, status = InsufficientCredits.code, InsufficientCredits.status

    def __init__(self, wanted: int, available: int) -> None:
        super().__init__(f"Cannot take {wanted} credits: the account has {available}")
