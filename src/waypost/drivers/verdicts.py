"""What the answer of a wire says of the message: pure rules."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated

import msgspec

from waypost.drivers.port import Accepted, Outcome, Refused, Retry, Unknown

FOR_GOOD = frozenset({400, 404, 409, 422})
FROM_BETWEEN = frozenset({502, 504})  # a gateway's words: who stands behind it may have it
LONGEST_WAIT = timedelta(hours=1)
SECONDS_DIGITS = 10


class Said(msgspec.Struct):
    """Why a message is refused, as the answer's JSON may say it."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]{1,64}\Z")] = "REFUSED"
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] = ""


def verdict(
    status: int, retry_after: str | None, body: bytes, provider_id: str, now: datetime
) -> Outcome:
    """What an answer that came whole means. All but 2xx say that the message was not taken."""
    if 200 <= status < 300:
        return Accepted(provider_id)
    if status in FOR_GOOD:
        return _refused(status, body)
    if status in FROM_BETWEEN:
        return Unknown(f"A gateway answered {status} for the one behind it.")
    code = "RATE_LIMITED" if status == 429 else "TRANSPORT_FAULT"
    return Retry(code, f"The transport answered {status}.", wait_of(retry_after, now))


def wait_of(retry_after: str | None, now: datetime) -> timedelta | None:
    """What a `Retry-After` asks for, in seconds or as a date, within reason; None if it cannot
    be read."""
    given = (retry_after or "").strip()
    if given.isascii() and given.isdigit():
        # So many digits are forever, and int() need not read them.
        long = len(given) > SECONDS_DIGITS
        return LONGEST_WAIT if long else min(timedelta(seconds=int(given)), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(given)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), LONGEST_WAIT)


def _refused(status: int, body: bytes) -> Refused:
    try:
        said = msgspec.json.decode(body, type=Said)
    except (msgspec.DecodeError, RecursionError):
        said = Said()
    is_plain = bool(said.message) and said.message.isprintable()
    text = said.message if is_plain else f"The transport refused it with {status}."
    return Refused(said.code, text)
