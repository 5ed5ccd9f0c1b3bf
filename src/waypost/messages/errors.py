"""Refusals of messages."""

from waypost.kit.errors import Refusal, Unavailable


class IdempotencyMismatch(Refusal):
    """The key of an earlier request with another route or body."""

    code, status = "IDEMPOTENCY_MISMATCH", 422

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request; a new request needs a new key."
        )


class BacklogFull(Unavailable):
    """As many messages wait as may."""

    def __init__(self, whose: str, waiting: int, most: int, retry_after: int) -> None:
        super().__init__(
            f"{whose} has {waiting:,} messages waiting, and may have {most:,} at most."
            " Try again later.",
            retry_after,
        )
