"""What a transport tells by itself: receipts, what people write, the state of its number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from waypost.drivers.outgoing import Ref


@dataclass(frozen=True, slots=True)
class Left:
    """The transport has it: proof that it left, under this id of the provider's."""

    ref: Ref
    at: datetime
    provider_id: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """It reached the recipient's phone."""

    ref: Ref
    at: datetime


@dataclass(frozen=True, slots=True)
class Read:
    """The recipient opened it."""

    ref: Ref
    at: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """The transport took it, and says later that it did not arrive."""

    ref: Ref
    at: datetime
    code: str
    message: str


Receipt = Left | Delivered | Read | Failed


@dataclass(frozen=True, slots=True)
class InboundMedia:
    """A file that somebody sent us, still at the provider; `sha256` as the provider tells it."""

    provider_media_id: str
    kind: str
    mime: str
    sha256: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Inbound:
    """What somebody wrote to a device. `sender` is digits only, where the sender has a number.

    `content` is all that the provider told, as JSON; `reply_to` the provider's id of the message
    that it answers.
    """

    device_id: int
    provider_id: str
    sender: str | None
    sender_id: str | None
    kind: str
    text: str | None
    at: datetime
    content: Mapping[str, object]
    media: InboundMedia | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class NumberNews:
    """What the provider says of a device's number, as it is shown to its owner."""

    device_id: int
    at: datetime
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ApprovedTemplate:
    """A template as the provider has it; `components` in the provider's own JSON."""

    id: str
    name: str
    language: str
    status: str
    category: str | None = None
    format: str | None = None
    components: Sequence[Mapping[str, object]] = ()
    quality: str | None = None


@dataclass(frozen=True, slots=True)
class TemplatesNews:
    """All templates of a business account, as the provider lists them."""

    business_account_id: str
    at: datetime
    templates: Sequence[ApprovedTemplate]


@dataclass(frozen=True, slots=True)
class TemplateNews:
    """What became of one template; what is None has not changed."""

    business_account_id: str
    at: datetime
    name: str
    language: str
    status: str | None = None
    category: str | None = None
    quality: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The provider stopped something of a device, and told it later than in an answer.

    `level` is the driver's own word for what is stopped, until when it is not to be tried;
    `template` the name and the language of one, where it is one. `reason` is for people.
    """

    device_id: int
    at: datetime
    until: datetime
    level: str
    code: str
    reason: str
    template: tuple[str, str] | None = None


DriverEvent = Receipt | Inbound | NumberNews | TemplatesNews | TemplateNews | Stop
