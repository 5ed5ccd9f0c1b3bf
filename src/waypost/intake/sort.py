"""What providers' calls tell, sorted by what is to be done with it, and for which device it is.

As one app has one address, a call names by its path whose secret signed it, and by its inside what
it is about: that is believed of the devices behind the same app alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from waypost.devices import vault
from waypost.devices.vault import Mates
from waypost.drivers.cloud import inbound
from waypost.drivers.cloud.inbound import MESSAGES, Change, Notice, Status
from waypost.drivers.news import Inbound, Stop, TemplateNews
from waypost.intake.store_callbacks import Call, Unexplained
from waypost.kit.db import Tx
from waypost.kit.seal import Sealer
from waypost.messages.trace import Sight

UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Told:
    """A status of a message that a device sent, and the call that told it."""

    call: Call
    device_id: int
    phone_number_id: str
    status: Status

    @property
    def sight(self) -> Sight:
        """How it names its message."""
        return Sight(self.device_id, self.status.provider_id, self.status.ref)


@dataclass(frozen=True, slots=True)
class Strange:
    """A change about a device of ours that its call may not tell of, as the secrets are now.

    They are changed one device after another, and a worker may not have their key yet: so it may be
    believed later.
    """

    call: Call
    change: Change


@dataclass(slots=True)
class Sorted:
    """What some calls tell."""

    statuses: list[Told] = field(default_factory=list)
    events: list[Inbound | TemplateNews | Stop] = field(default_factory=list)
    strange: list[Strange] = field(default_factory=list)
    notices: list[Unexplained] = field(default_factory=list)

    def add(self, call: Call, change: Change, mates: Mates) -> None:
        """Put what a change tells in its place."""
        if change.field == MESSAGES:
            self._add_of_number(call, change, mates)
        else:
            self._add_of_account(call, change, mates)

    def _add_of_number(self, call: Call, change: Change, mates: Mates) -> None:
        number = change.phone_number_id or ""
        if number in mates.devices:
            self._add_messages(call, change, number, mates.devices[number])
        elif number in mates.strange_numbers:
            self.strange.append(Strange(call, change))
        else:
            self.notices.append(unexplained(call, change))

    def _add_of_account(self, call: Call, change: Change, mates: Mates) -> None:
        news, account = inbound.template(change, call.received_at), change.business_account_id
        if news is not None and account in mates.business_accounts:
            self.events.append(news)
        elif news is not None and account in mates.strange_accounts:
            self.strange.append(Strange(call, change))
        else:
            self.notices.append(unexplained(call, change))

    def _add_messages(self, call: Call, change: Change, number: str, device_id: int) -> None:
        for news in inbound.news(change, device_id, call.received_at):
            match news:
                case Status():
                    self.statuses.append(Told(call, device_id, number, news))
                case Inbound() | Stop():
                    self.events.append(news)
                case Notice():
                    self.notices.append(_unexplained(call, news.field, news.value))


async def sort(tx: Tx, sealer: Sealer, calls: Sequence[Call]) -> Sorted:
    """What the calls tell."""
    found = Sorted()
    read = [(call, inbound.changes(call.body)) for call in calls]
    readable = [(call, changes) for call, changes in read if changes is not None]
    mates = await _mates(tx, sealer, readable)
    for call, changes in readable:
        for change in changes:
            found.add(call, change, mates[call.device_id])
    found.notices += [unread(call) for call, changes in read if changes is None]
    return found


def unread(call: Call) -> Unexplained:
    """A call that could not be read, or not be worked off."""
    text = call.body.decode(errors="replace").replace("\0", "\ufffd")
    return _unexplained(call, UNREADABLE, {"text": text})


def unexplained(call: Call, change: Change) -> Unexplained:
    """A change that nobody here may tell, or knows what to do with."""
    return _unexplained(call, change.field, change.value)


def lost(told: Told) -> Unexplained:
    """A status that fits no message."""
    return _unexplained(told.call, inbound.STATUS, told.status.told)


async def _mates(
    tx: Tx, sealer: Sealer, read: Iterable[tuple[Call, Sequence[Change]]]
) -> Mapping[int, Mates]:
    """By the device whose secret signed a call, which it may tell of."""
    named: dict[int, tuple[set[str], set[str]]] = {}
    for call, changes in read:
        numbers, accounts = named.setdefault(call.device_id, (set(), set()))
        numbers |= {change.phone_number_id for change in changes if change.phone_number_id}
        accounts |= {change.business_account_id for change in changes if change.field != MESSAGES}
    return {
        device_id: await vault.mates(tx, sealer, device_id, numbers, accounts)
        for device_id, (numbers, accounts) in named.items()
    }


def _unexplained(call: Call, field: str, value: Mapping[str, object]) -> Unexplained:
    return Unexplained(call.device_id, field, value, call.received_at)
