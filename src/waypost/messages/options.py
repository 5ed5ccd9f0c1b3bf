"""What a send may ask for beside its text: when it goes, how long it may wait, what it is for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta

from waypost.kit.errors import Problem
from waypost.kit.texts import problem_of

FURTHEST = timedelta(days=366)
"""No message is scheduled further ahead: the same day of the next year is a year away."""

LONGEST = timedelta(days=30)
MAX_REFERENCE = 200
_LAST_ID = 2**63 - 1

SendAt = Annotated[
    str,
    Meta(
        description="When it is to go, up to a year ahead, in ISO 8601; UTC where no zone is given."
        " A moment that has passed means now.",
        examples=["2025-06-03T10:30:00Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
ExpiresIn = Annotated[
    int,
    Meta(
        description="For how many seconds it may wait before it is `Expired` and refunded; counted"
        " from `send_at` where that is given.",
        extra_json_schema={"minimum": 1, "maximum": int(LONGEST.total_seconds())},
    ),
]
OwnReference = Annotated[
    str,
    Meta(
        description="A name of your own by which you find it again; it need not be unique.",
        extra_json_schema={"minLength": 1, "maxLength": MAX_REFERENCE},
    ),
]
DeviceId = Annotated[
    int,
    Meta(
        description="The device of your pool that is to send it, if that can within seconds.",
        extra_json_schema={"minimum": 1},
    ),
]


@dataclass(frozen=True, slots=True)
class Options:
    """What a send asks for; None leaves it to the server."""

    send_at: datetime | None = None
    expires_in: timedelta | None = None
    reference: str | None = None
    device_id: int | None = None


PLAIN = Options()


@dataclass(frozen=True, slots=True)
class Given:
    """Options as a body gives them."""

    send_at: str | None
    expires_in: int | None
    reference: str | None
    device_id: int | None = None


NOTHING = Given(None, None, None)


def read_options(given: Given, now: datetime) -> tuple[Options, list[Problem]]:
    """The options, and what is wrong with them; a `send_at` that has passed is none."""
    if given == NOTHING:
        return PLAIN, []
    problems: list[Problem] = []
    send_at = _send_at(given.send_at, now, problems)
    expires_in = _expires_in(given.expires_in, problems)
    if given.reference is not None and (problem := _reference_problem(given.reference)):
        problems.append(Problem("reference", problem))
    if given.device_id is not None and not 0 < given.device_id <= _LAST_ID:
        problems.append(Problem("device_id", "must be the id of a device"))
    return Options(send_at, expires_in, given.reference, given.device_id), problems


def _send_at(text: str | None, now: datetime, problems: list[Problem]) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        said = "must be a time in ISO 8601, such as 2025-06-03T10:30:00Z"
        problems.append(Problem("send_at", said))
        return None
    if at > now + FURTHEST:
        problems.append(Problem("send_at", "must not be more than a year ahead"))
    return at if at > now else None


def _expires_in(seconds: int | None, problems: list[Problem]) -> timedelta | None:
    if seconds is None:
        return None
    most = int(LONGEST.total_seconds())
    if not 1 <= seconds <= most:
        problems.append(Problem("expires_in", f"must be between 1 and {most} seconds"))
        return None
    return timedelta(seconds=seconds)


def _reference_problem(text: str) -> str | None:
    if not text:
        return "must not be empty"
    if len(text) > MAX_REFERENCE:
        return f"has {len(text)} characters; {MAX_REFERENCE} is the most"
    return problem_of(text)
