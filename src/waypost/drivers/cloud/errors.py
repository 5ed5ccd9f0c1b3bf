"""What each error code of the provider means: whose fault it is, and how long it lasts.

One table for both ways on which errors come, in an answer or in a callback later. The code decides,
never the HTTP status or a title.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from waypost.drivers.cloud.loose import record, text


class Level(StrEnum):
    """What is to stop."""

    MESSAGE = "message"
    PASSING = "passing"  # nothing: the message tries again
    PACE = "pace"  # nothing, but the number writes more slowly
    RECIPIENT = "recipient"  # writing to this recipient, from this number
    TEMPLATE = "template"  # this template, in this language
    DEVICE = "device"
    TOKEN = "token"  # all numbers behind this token
    ACCOUNT = "account"  # all numbers of this business account


@dataclass(frozen=True, slots=True)
class Fault:
    """What a code means, in a sentence for the message's sender, or for who runs the device.

    `after` is the wait where the provider tells none; without one the dispatcher's doubling rules.
    A template's fault with a wait holds its messages, without one they fail. `counts` and `tries`
    are as in `Retry`. Where `grows`, `after` doubles with each attempt. `is_private`: what the
    provider says beside it is not repeated to anybody.
    """

    level: Level
    sentence: str
    after: timedelta | None = None
    counts: bool = False
    tries: int | None = None
    grows: bool = False
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """An error as the provider tells it; `details` is for people, `trace` for its support."""

    code: int | None
    details: str | None
    trace: str | None = None
    is_transient: bool = False


MOST_TOLD = 300
_CODE = re.compile("[0-9]{1,9}")

_MINUTE = timedelta(minutes=1)
_SOON = 10 * _MINUTE
_HOUR = timedelta(hours=1)
_PAUSE = timedelta(hours=3)
"""How long a device rests after a fault that time may mend, and one that a person has to; the
shortest pause of a template."""


def _refused(sentence: str) -> Fault:
    return Fault(Level.MESSAGE, sentence)


def _passing(sentence: str, after: timedelta | None = None) -> Fault:
    return Fault(Level.PASSING, sentence, after)


def _device(sentence: str, after: timedelta) -> Fault:
    return Fault(Level.DEVICE, sentence, after)


def _account(sentence: str, after: timedelta) -> Fault:
    return Fault(Level.ACCOUNT, sentence, after)


def _template(sentence: str, after: timedelta | None = None) -> Fault:
    return Fault(Level.TEMPLATE, sentence, after)


def _token(sentence: str) -> Fault:
    return Fault(Level.TOKEN, sentence, _SOON, is_private=True)


def _app(sentence: str, after: timedelta) -> Fault:
    """Of the app that the token is of: all numbers with that token."""
    return Fault(Level.TOKEN, sentence, after)


_NO_TOKEN = _token("The access token is invalid or has expired: give the device a new one.")
_NO_PERMISSION = _token(
    "The access token lacks a permission: it needs whatsapp_business_messaging and"
    " whatsapp_business_management for this number."
)
_PARAMETER = _refused("The provider finds a value of the message missing or not valid.")
_OVERLOADED = _passing("The provider is down or overloaded for a moment.")
_MISMATCH = _refused(
    "The template's variables do not fit it in number, format or content: see its definition."
)
_VIOLATES = _template("The template was found to violate the provider's policy, and is disabled.")
_LOCKED = "The provider has locked the business account: see its Business Manager."

TABLE: Mapping[int, Fault] = {
    0: _NO_TOKEN,
    190: _NO_TOKEN,
    3: _NO_PERMISSION,
    10: _NO_PERMISSION,
    **dict.fromkeys(range(200, 300), _NO_PERMISSION),
    131005: _NO_PERMISSION,
    1: Fault(
        Level.PASSING,
        "The provider could not make sense of the request, or failed itself.",
        counts=True,
        tries=3,
    ),
    2: _OVERLOADED,
    133004: _OVERLOADED,
    131016: _OVERLOADED,
    4: _app("The app has reached its limit of calls.", 5 * _MINUTE),
    80007: _account("The business account has reached its limit of calls.", 15 * _MINUTE),
    33: _device(
        "The number's id does not exist at the provider, or its token cannot see it.", _SOON
    ),
    100: _PARAMETER,
    131008: _PARAMETER,
    131009: _PARAMETER,
    135000: _PARAMETER,
    368: _account("The provider blocks the business account for breaking its policy.", _HOUR),
    130403: _refused("The business has blocked this recipient."),
    130429: Fault(Level.PACE, "The number has reached its messages per second."),
    130472: _refused(
        "The provider sends this recipient no marketing messages for now, as part of an experiment."
    ),
    130497: _refused("The business may not write to recipients of this country."),
    131000: Fault(
        Level.PASSING,
        "The provider failed for a reason that it does not know.",
        timedelta(seconds=5),
        counts=True,
        tries=4,
        grows=True,
    ),
    131021: _refused("The recipient is the sending number itself."),
    131026: _refused(
        "The message cannot be delivered: the recipient is not on WhatsApp, has not accepted its"
        " terms, or uses too old an app."
    ),
    131030: _refused("A test number writes only to the recipients on its list at the provider."),
    131031: _account(_LOCKED, _HOUR),
    131037: _device("The number needs an approved display name before it may write.", _HOUR),
    131042: _account("The business account's payment method needs attention.", _HOUR),
    131045: _device("The number's registration has failed: register it again.", _HOUR),
    131047: _refused(
        "More than 24 hours have passed since the recipient last wrote to this number: only an"
        " approved template can be sent now."
    ),
    131048: _device(
        "Too many recipients blocked or reported this number: the provider limits it.", _HOUR
    ),
    131049: _refused(
        "The provider did not deliver this marketing message, to keep what the recipient gets"
        " bearable: do not try again within 24 hours."
    ),
    131050: _refused("The recipient wants no marketing messages of this business."),
    131051: _refused("The provider does not support this type of message."),
    131052: _refused("The file that the recipient sent cannot be had from the provider."),
    131053: _refused(
        "The provider could not take the message's file: see its type, its size and its link."
    ),
    131056: Fault(
        Level.RECIPIENT, "Too many messages went to this recipient from this number in short time."
    ),
    131057: _device("The number is under maintenance for a moment.", _MINUTE),
    131062: _refused("This message needs the recipient's phone number."),
    131063: _template("Marketing templates are switched off for this business account."),
    131064: _account(
        "The business account is limited after its templates were put into wrong categories.", _HOUR
    ),
    132000: _MISMATCH,
    132012: _MISMATCH,
    132018: _MISMATCH,
    132001: _template("The template does not exist in this language, or is not approved."),
    132005: _refused("The template's text is too long once its variables are filled in."),
    132007: _VIOLATES,
    132016: _VIOLATES,
    132015: _template("The template is paused for its quality.", _PAUSE),
    132068: _template("The template's flow is blocked."),
    132069: _template("The template's flow may be sent ten times an hour.", 6 * _MINUTE),
    133010: _device("The number is not registered with the Cloud API.", _SOON),
    133016: _device("The number was registered and unregistered too often.", _HOUR),
    134101: _passing("The template is being copied at the provider.", _SOON),
}

_STRANGE = Fault(
    Level.PASSING, "The provider failed in a way that is not known here.", counts=True, tries=5
)
_STRANGE_REFUSAL = _refused("The provider refused the message.")


def told(error: object) -> Told:
    """An `error` object of an answer, or one of the `errors` of a callback."""
    said = record(error)
    code, data = text(said.get("code")), said.get("error_data")
    details = text(data) or text(record(data).get("details"))
    return Told(
        int(code) if code is not None and _CODE.fullmatch(code) else None,
        details or text(said.get("message")) or text(said.get("title")),
        text(said.get("fbtrace_id")),
        said.get("is_transient") is True,
    )


def fault(told: Told, status: int | None = None) -> Fault:
    """What an error means; one that is not in the table goes by what it says of itself."""
    known = None if told.code is None else TABLE.get(told.code)
    if known is not None:
        return known
    if status == 401:
        return _NO_TOKEN
    is_passing = told.is_transient or (status is not None and (status == 429 or status >= 500))
    return _STRANGE if is_passing else _STRANGE_REFUSAL


STOPPING = frozenset({Level.TEMPLATE, Level.DEVICE, Level.TOKEN, Level.ACCOUNT})
"""What an error of one message tells of others too."""

LEAST_STOP = timedelta(minutes=1)


def rest(fault: Fault) -> timedelta:
    """How long what has stopped is not tried, where the provider tells no time."""
    return fault.after or (_HOUR if fault.level is Level.TEMPLATE else LEAST_STOP)


def sentence(told: Told, fault: Fault) -> str:
    """What is shown: our words of the code, then the provider's."""
    if told.details is None or fault.is_private:
        return fault.sentence
    return f"{fault.sentence} The provider says: {told.details[:MOST_TOLD]}"


def name(told: Told) -> str:
    """The provider's number of the error, as it is shown."""
    return "PROVIDER_ERROR" if told.code is None else str(told.code)
