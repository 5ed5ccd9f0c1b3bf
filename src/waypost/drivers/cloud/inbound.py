"""What the provider calls to tell, JSON → news. Nothing is refused: what is not known is a notice.

Every entry, change, status and message of a call counts; texts are cleaned of what neither UTF-8
nor PostgreSQL can hold.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from waypost.drivers.cloud import errors, opaque
from waypost.drivers.cloud.errors import Level
from waypost.drivers.cloud.loose import clean, moment, record, records, text
from waypost.drivers.cloud.written import inbound
from waypost.drivers.news import Delivered, Failed, Inbound, Left, Read, Receipt, Stop, TemplateNews
from waypost.drivers.outgoing import Ref

OBJECT = "whatsapp_business_account"
MESSAGES = "messages"
STATUS = "status"
MALFORMED = "malformed"

# Of the parts of a change of messages, those that are read.
_KNOWN = {"messaging_product", "metadata", "contacts", "statuses", "messages"}

_STATUSES = {"sent", "delivered", "read", "played", "failed"}

# What the status of a template becomes, where the event has another word.
_EVENTS = {"REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a business account; `at` where the call says when."""

    business_account_id: str
    field: str
    value: Mapping[str, object]
    at: datetime | None

    @property
    def phone_number_id(self) -> str | None:
        """The number that it is about, where it is about one."""
        return text(record(self.value.get("metadata")).get("phone_number_id"))


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a message. `ref` where it brings our own words; `told` is all that it said."""

    provider_id: str
    name: str
    at: datetime
    ref: Ref | None
    told: Mapping[str, object]

    def stop(self, device_id: int) -> Stop | None:
        """What the provider has stopped, by the error of what failed."""
        error = next(iter(records(self.told.get("errors"))), None)
        return None if self.name != "failed" else stop(error, device_id, self.at)

    def receipt(self, ref: Ref) -> Receipt:
        """The same, of the message that it means."""
        match self.name:
            case "sent":
                return Left(ref, self.at, self.provider_id)
            case "delivered":
                return Delivered(ref, self.at)
            case "failed":
                return Failed(ref, self.at, *_fault(self.told))
            case _:  # a voice message that was played has been opened too
                return Read(ref, self.at)


@dataclass(frozen=True, slots=True)
class Notice:
    """What nobody here knows what to do with."""

    field: str
    value: Mapping[str, object]


News = Status | Inbound | Stop | Notice


def changes(body: bytes) -> list[Change] | None:
    """What a call tells of; None where it is no call of the provider's that can be read."""
    try:
        told = clean(json.loads(body))
    except (ValueError, RecursionError):
        return None
    entries = record(told).get("entry")
    if record(told).get("object") != OBJECT or not isinstance(entries, list):
        return None
    return [change for entry in entries for change in _of_entry(entry)]


def call(phone_number_id: str, statuses: Sequence[Status]) -> bytes:
    """A call that tells these statuses again."""
    value = {
        "metadata": {"phone_number_id": phone_number_id},
        "statuses": [status.told for status in statuses],
    }
    change = {"field": MESSAGES, "value": value}
    return json.dumps({"object": OBJECT, "entry": [{"changes": [change]}]}).encode()


def call_again(changes: Sequence[Change]) -> bytes:
    """A call that tells these changes again."""
    entries = [
        {
            "id": change.business_account_id,
            **({} if change.at is None else {"time": int(change.at.timestamp())}),
            "changes": [{"field": change.field, "value": change.value}],
        }
        for change in changes
    ]
    return json.dumps({"object": OBJECT, "entry": entries}).encode()


def news(change: Change, device_id: int, received_at: datetime) -> Iterator[News]:
    """What a change of messages tells, which is this device's."""
    value = change.value
    contacts = records(value.get("contacts"))
    for told in _all(value.get("statuses")):
        yield _status(told, received_at) or Notice(STATUS, told)
    for error in records(value.get("errors")):
        stopped = stop(error, device_id, change.at or received_at)
        if stopped is not None and stopped.level != Level.TEMPLATE:  # it does not say which one
            yield stopped
    for told in _all(value.get("messages")):
        yield inbound(told, contacts, device_id, received_at) or Notice(MESSAGES, told)
    if rest := {name: value[name] for name in value if name not in _KNOWN}:
        yield Notice(MESSAGES, rest)


def stop(error: object, device_id: int, at: datetime) -> Stop | None:
    """What this error stops beyond its message; None where that is nothing."""
    told = errors.told(error)
    fault = errors.fault(told)
    if fault.level not in errors.STOPPING:
        return None
    reason = errors.sentence(told, fault)
    return Stop(device_id, at, at + errors.rest(fault), fault.level, errors.name(told), reason)


def template(change: Change, received_at: datetime) -> TemplateNews | None:
    """What became of a template; None where the change says nothing of that."""
    value = change.value
    name = text(value.get("message_template_name"))
    language = text(value.get("message_template_language"))
    if name is None or language is None:
        return None
    status = category = quality = reason = None
    match change.field:
        case "message_template_status_update":
            event = text(value.get("event"))
            status = None if event is None else _EVENTS.get(event, event)
            category = text(value.get("message_template_category"))
            reason = _reason(value)
        case "template_category_update":
            category = text(value.get("new_category"))
        case "message_template_quality_update":
            quality = text(value.get("new_quality_score"))
    if status is category is quality is None:
        return None
    return TemplateNews(
        change.business_account_id,
        change.at or received_at,
        name,
        language.replace("-", "_"),  # as the list of templates has it
        status,
        category,
        quality,
        reason,
    )


def _of_entry(entry: object) -> Iterator[Change]:
    told = record(entry)
    account, at = text(told.get("id")) or "", moment(told.get("time"))
    parts = told.get("changes")
    if not isinstance(parts, list):
        yield Change(account, MALFORMED, {"entry": entry}, at)
        return
    for each in parts:
        field, value = text(record(each).get("field")), record(each).get("value")
        if field is None or not isinstance(value, dict):
            yield Change(account, field or MALFORMED, {"change": each}, at)
        else:
            yield Change(account, field, value, at)


def _all(value: object) -> Iterator[Mapping[str, object]]:
    """Each of a list's entries; one that is no object stands as one."""
    entries = value if isinstance(value, list) else [] if value is None else [value]
    for entry in entries:
        yield entry if isinstance(entry, dict) else {MALFORMED: entry}


def _status(told: Mapping[str, object], received_at: datetime) -> Status | None:
    provider_id, name = text(told.get("id")), text(told.get("status"))
    if provider_id is None or name not in _STATUSES:
        return None
    ours = text(told.get("biz_opaque_callback_data"))
    return Status(
        provider_id,
        name,
        moment(told.get("timestamp")) or received_at,
        None if ours is None else opaque.read(ours),
        told,
    )


def _fault(told: Mapping[str, object]) -> tuple[str, str]:
    """The code and the sentence of what failed, as its sender reads them."""
    error = errors.told(next(iter(records(told.get("errors"))), None))
    return errors.name(error), errors.sentence(error, errors.fault(error))


def _reason(value: Mapping[str, object]) -> str | None:
    """Why a template is as it is: the rejection's own words before its code."""
    said = text(record(value.get("rejection_info")).get("reason"))
    said = said or text(record(value.get("other_info")).get("description"))
    code = text(value.get("reason"))
    return said or (None if code == "NONE" else code)
