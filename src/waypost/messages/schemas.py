"""What the send routes take and answer, and the step from JSON to a submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct

from waypost.kit.body import BodyReader
from waypost.kit.errors import Invalid, Problem
from waypost.kit.numbers import normalise
from waypost.kit.texts import problem_of
from waypost.messages.attached import Attached
from waypost.messages.attached_schemas import MediaBody, read_media
from waypost.messages.model import MAX_NUMBERS
from waypost.messages.options import (
    PLAIN,
    DeviceId,
    ExpiresIn,
    Given,
    Options,
    OwnReference,
    SendAt,
    read_options,
)
from waypost.templates.model import MAX_TEXT

Variables = Mapping[str, object]

NOT_A_NUMBER = "is not a possible phone number in international format"
NO_CONTENT = "is required where neither template_id nor media is given"
NO_VARIABLES: Variables = {}


class SendBody(Struct, forbid_unknown_fields=True, frozen=True):
    """One message to one number: a plain `message`, or a `template_id` with `variables`.

    A file, `media`, goes with either, or without a text.
    """

    number: str
    message: str | None = None
    template_id: int | None = None
    variables: dict[str, Any] | None = None
    media: MediaBody | None = None
    device_id: DeviceId | None = None
    send_at: SendAt | None = None
    expires_in: ExpiresIn | None = None
    reference: OwnReference | None = None


class RecipientBody(Struct, forbid_unknown_fields=True, frozen=True):
    """One number of a bulk, with the variables that only it has."""

    number: str
    variables: dict[str, Any] | None = None


class BulkBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The same message to up to 200 numbers: `numbers`, or `recipients` with own variables.

    A file, `media`, goes with a `message` or a `template_id`, or without a text.
    """

    numbers: list[str] | None = None
    recipients: list[RecipientBody] | None = None
    message: str | None = None
    template_id: int | None = None
    variables: dict[str, Any] | None = None
    media: MediaBody | None = None
    send_at: SendAt | None = None
    expires_in: ExpiresIn | None = None
    reference: OwnReference | None = None


class SendAnswer(Struct, frozen=True):
    """The message was accepted and will be sent once.

    `queue_position` is 0 for what waits for its `send_at`: it is not in the queue yet.
    """

    message: str
    queue_id: str
    remaining_credits: int
    queue_position: int
    available_devices: int
    total_devices: int
    queue_type: str


class BulkResult(Struct, frozen=True, omit_defaults=True):
    """What came of one given number."""

    number: str
    queue_id: str | None = None
    error: str | None = None
    message: str | None = None


class BulkAnswer(Struct, frozen=True):
    """What came of a bulk: `queue_ids` in the order of what was accepted.

    `queue_position` is that of the first; 0 for what waits for its `send_at`.
    """

    message: str
    messages_created: int
    remaining_credits: int
    batch_id: str
    queue_ids: list[str]
    results: list[BulkResult]
    queue_position: int
    available_devices: int
    total_devices: int
    queue_type: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be said: a text, or a template and the variables that all recipients share.

    The text is the caption of the file, where there is one.
    """

    text: str | None
    template_id: int | None
    variables: Variables
    media: Attached | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number (digits only) and the variables that only it has."""

    number: str
    variables: Variables


@dataclass(frozen=True, slots=True)
class Single:
    """A parsed single send."""

    content: Content
    recipient: Recipient
    options: Options = PLAIN

    @property
    def recipients(self) -> list[Recipient]:
        return [self.recipient]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A parsed bulk: each given number with its recipient, or None where it is not a number."""

    content: Content
    given: list[tuple[str, Recipient | None]]
    options: Options = PLAIN

    @property
    def recipients(self) -> list[Recipient]:
        """Each number once, in the order given; the first mention counts."""
        once: dict[str, Recipient] = {}
        for _, recipient in self.given:
            if recipient is not None:
                once.setdefault(recipient.number, recipient)
        return list(once.values())


_SEND = BodyReader(SendBody)
_BULK = BodyReader(BulkBody)


def read_send(body: bytes, now: datetime) -> Single:
    """A single send from its JSON."""
    given = _SEND.read(body)
    number = normalise(given.number)
    content, problems = _content(given)
    if number is None:
        problems.insert(0, Problem("number", NOT_A_NUMBER))
    asked = Given(given.send_at, given.expires_in, given.reference, given.device_id)
    options, wrong = read_options(asked, now)
    problems += wrong
    if problems or number is None:
        raise Invalid.fields(*problems)
    return Single(content, Recipient(number, NO_VARIABLES), options)


def read_bulk(body: bytes, now: datetime) -> Bulk:
    """A bulk send from its JSON; numbers that are none do not stop the rest."""
    given = _BULK.read(body)
    content, problems = _content(given)
    problems += _numbers_problems(given)
    options, wrong = read_options(Given(given.send_at, given.expires_in, given.reference), now)
    problems += wrong
    if problems:
        raise Invalid.fields(*problems)
    wanted = [RecipientBody(number) for number in given.numbers or ()] or given.recipients or []
    return Bulk(content, [(each.number, _recipient(each)) for each in wanted], options)


def _recipient(given: RecipientBody) -> Recipient | None:
    number = normalise(given.number)
    return None if number is None else Recipient(number, given.variables or NO_VARIABLES)


def _content(given: SendBody | BulkBody) -> tuple[Content, list[Problem]]:
    """What is to be said, and what is wrong with it."""
    problems = _text_problems(given)
    text, file = given.message, None
    if given.media is not None:
        file, wrong = read_media(given.media)
        problems += wrong
        text = given.media.caption if text is None else text
    return Content(text, given.template_id, given.variables or NO_VARIABLES, file), problems


def _text_problems(given: SendBody | BulkBody) -> list[Problem]:
    named = [name for name in ("message", "template_id") if getattr(given, name) is not None]
    if given.media is not None and given.media.caption is not None:
        return [Problem("media.caption", f"cannot be given together with {n}") for n in named]
    if given.message is None:
        return [] if named or given.media is not None else [Problem("message", NO_CONTENT)]
    if given.template_id is not None:
        return [Problem("template_id", "cannot be given together with message")]
    problem = text_problem(given.message)
    return [] if problem is None else [Problem("message", problem)]


def text_problem(text: str) -> str | None:
    """Why a text cannot be sent; None where it can."""
    if not text:
        return "must not be empty"
    if len(text) > MAX_TEXT:
        return f"has {len(text)} characters; {MAX_TEXT} is the most"
    return problem_of(text)


def _numbers_problems(given: BulkBody) -> list[Problem]:
    if given.numbers is not None and given.recipients is not None:
        return [Problem("recipients", "cannot be given together with numbers")]
    field = "numbers" if given.recipients is None else "recipients"
    wanted = given.numbers if given.recipients is None else given.recipients
    if not wanted:
        said = "is required" if wanted is None else "must not be empty"
        return [Problem(field, said)]
    if len(wanted) > MAX_NUMBERS:
        return [Problem(field, f"has {len(wanted)} numbers; {MAX_NUMBERS} is the most")]
    return []
