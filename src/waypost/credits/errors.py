"""Not enough credit."""

from waypost.kit.errors import Refusal


class InsufficientCredits(Refusal):
    """The balance does not cover the request; nothing was taken."""

    code, status = "INSUFFICIENT_CREDITS", 403

    def __init__(self, required: int, available: int) -> None:
        super().__init__(
            f"Not enough credits to send message. Required: {required}, Available: {available}"
        )
