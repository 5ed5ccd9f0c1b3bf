"""What the send routes take and answer, and the step from JSON to a submission."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from waypost.kit.body import BodyReader
from waypost.kit.errors import Invalid, Problem
from waypost.kit.numbers import normalise
from waypost.kit.texts import problem_of
from waypost.messages.model import MAX_NUMBERS
from waypost.templates.model import MAX_TEXT

Variables = Mapping[str, object]

NOT_A_NUMBER = "is not a possible phone number in international format"
NO_VARIABLES: Variables = {}


class SendBody(Struct, forbid_unknown_fields=True, frozen=True):
    """One message to one number: a plain `message`, or a `template_id` with `variables`."""

    number: str
    message: str | None = None
    template_id: int | None = None
    variables: dict[str, Any] | None = None


class RecipientBody(Struct, forbid_unknown_fields=True, frozen=True):
    """One number of a bulk, with the variables that only it has."""

    number: str
    variables: dict[str, Any] | None = None


class BulkBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The same message to up to 200 numbers: `numbers`, or `recipients` with own variables."""

    numbers: list[str] | None = None
    recipients: list[RecipientBody] | None = None
    message: str | None = None
    template_id: int | None = None
    variables: dict[str, Any] | None = None


class SendAnswer(Struct, frozen=True):
    """The message was accepted and will be sent once."""

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
    """What came of a bulk: `queue_ids` in the order of what was accepted."""

    message: str
    messages_created: int
    remaining_credits: int
    queue_ids: list[str]
    results: list[BulkResult]
    queue_position: int
    available_devices: int
    total_devices: int
    queue_type: str


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be said: a text, or a template and the variables that all recipients share."""

    text: str | None
    template_id: int | None
    variables: Variables


@dataclass(frozen=True, slots=True)
class Recipient:
    """A number (digits only) and the variables that only it has."""

    number: str
    variables: Variables


@dataclass(frozen=True, slots=True)
class Bulk:
    """A parsed bulk: each given number with its recipient, or None where it is not a number."""

    content: Content
    given: list[tuple[str, Recipient | None]]

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


def read_send(body: bytes) -> tuple[Content, Recipient]:
    """A single send from its JSON."""
    given = _SEND.read(body)
    number = normalise(given.number)
    problems = _content_problems(given.message, given.template_id)
    if number is None:
        problems.insert(0, Problem("number", NOT_A_NUMBER))
    if problems or number is None:
        raise Invalid.fields(*problems)
    return _content(given), Recipient(number, NO_VARIABLES)


def read_bulk(body: bytes) -> Bulk:
    """A bulk send from its JSON; numbers that are none do not stop the rest."""
    given = _BULK.read(body)
    problems = _content_problems(given.message, given.template_id) + _numbers_problems(given)
    if problems:
        raise Invalid.fields(*problems)
    wanted = [RecipientBody(number) for number in given.numbers or ()] or given.recipients or []
    return Bulk(_content(given), [(each.number, _recipient(each)) for each in wanted])


def _recipient(given: RecipientBody) -> Recipient | None:
    number = normalise(given.number)
    return None if number is None else Recipient(number, given.variables or NO_VARIABLES)


def _content(given: SendBody | BulkBody) -> Content:
    return Content(given.message, given.template_id, given.variables or NO_VARIABLES)


def _content_problems(message: str | None, template_id: int | None) -> list[Problem]:
    if message is None and template_id is None:
        return [Problem("message", "is required where template_id is not given")]
    if message is None:
        return []
    if template_id is not None:
        return [Problem("template_id", "cannot be given together with message")]
    problem = text_problem(message)
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
