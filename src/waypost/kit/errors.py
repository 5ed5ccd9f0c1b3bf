"""The refusals of the HTTP contract, as values that may be raised.

Refusal                 a request that is answered with an error
├── Invalid             400 INVALID_REQUEST, with the fields named
├── Unauthorized        401
├── Forbidden           403
├── NotFound            404, also for what belongs to somebody else
├── MethodNotAllowed    405
├── Conflict            409
├── PayloadTooLarge     413
├── UnsupportedMedia    415
├── RateLimited         429, with Retry-After
├── Internal            500
└── Unavailable         503, with Retry-After

A feature adds its own kinds in its `errors.py` (for example credits: INSUFFICIENT_CREDITS).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One field of a request that cannot be taken, and why."""

    field: str
    problem: str


class Refusal(Exception):
    """A request that is answered with an error: stable code, HTTP status, one sentence."""

    code = "INTERNAL_ERROR"
    status = 500

    def __init__(
        self,
        message: str,
        details: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})


class Invalid(Refusal):
    """The body, the query or the path does not say what the contract asks for."""

    code, status = "INVALID_REQUEST", 400

    @classmethod
    def fields(cls, *problems: Problem) -> "Invalid":
        """A refusal whose sentence tells every problem, for people who read only that."""
        sentence = "; ".join(f"{p.field}: {p.problem}" for p in problems)
        return cls(sentence or "The request is not valid.", problems)

    @classmethod
    def field(cls, field: str, problem: str) -> "Invalid":
        """A refusal of one field."""
        return cls.fields(Problem(field, problem))


def cut_off() -> Invalid:
    """The client went away before its request was whole: nobody reads this, but it is counted."""
    return Invalid.field("body", "ended before it was whole")


class Unauthorized(Refusal):
    """No token, or one that is expired, revoked or not ours."""

    code, status = "UNAUTHORIZED", 401

    def __init__(self, message: str = "Invalid or missing authentication token") -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Refusal):
    """We know who asks, and the answer is no."""

    code, status = "FORBIDDEN", 403


class NotFound(Refusal):
    """It does not exist, or belongs to somebody else: the two look the same."""

    code, status = "NOT_FOUND", 404


class MethodNotAllowed(Refusal):
    """The route exists, but not for this verb."""

    code, status = "METHOD_NOT_ALLOWED", 405


class Conflict(Refusal):
    """The request is fine, but the world is not as it supposes."""

    code, status = "CONFLICT", 409


class PayloadTooLarge(Refusal):
    """The body is larger than the setting allows."""

    code, status = "PAYLOAD_TOO_LARGE", 413


class UnsupportedMedia(Refusal):
    """The body is not JSON."""

    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class RateLimited(Refusal):
    """More requests than the limit allows."""

    code, status = "RATE_LIMITED", 429


class Internal(Refusal):
    """A fault of ours; the sentence tells nothing of the inside."""

    def __init__(self) -> None:
        super().__init__("Internal server error")


class Unavailable(Refusal):
    """Not now: the database is away, or we are shutting down."""

    code, status = "UNAVAILABLE", 503

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})
