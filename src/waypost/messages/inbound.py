"""What people write to us: kept once, for the account that wrote to them."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from waypost.drivers.news import Inbound
from waypost.kit.db import Tx
from waypost.kit.ids import Ids, first_id_at
from waypost.messages import store_inbound as store
from waypost.messages import store_progress
from waypost.messages.store_inbound import Letter
from waypost.messages.store_progress import Key

LOOKS_BACK = timedelta(days=90)
"""Who wrote longer ago is not looked for; an answer to a certain message finds its sender."""

LEAST_KEPT = timedelta(days=8)
"""The provider may tell the same again for seven days: then it is known."""

PRUNED_AT_ONCE = 5000

# WhatsApp knows some numbers with a digit more, or less, than people dial.
_SPELLINGS = (
    (re.compile(r"55(\d\d)(\d{8})"), r"55\g<1>9\2"),
    (re.compile(r"55(\d\d)9(\d{8})"), r"55\1\2"),
    (re.compile(r"521(\d{10})"), r"52\1"),
    (re.compile(r"52(\d{10})"), r"521\1"),
    (re.compile(r"549(\d{10})"), r"54\1"),
    (re.compile(r"54(\d{10})"), r"549\1"),
)


async def keep(tx: Tx, told: Sequence[Inbound], ids: Ids, at: datetime) -> int:
    """Keep what is new of these; its files are fetched later. Returns how many were new."""
    if not told:
        return 0
    await store_progress.plan_anew(tx)
    answered = await _answered(tx, told)
    owners = await _owners(tx, told, answered, at)
    written = sorted(enumerate(told), key=lambda numbered: numbered[1].at)
    letters = [
        Letter(ids.new(), owners.get(place), _message(answered.get(place)), each)
        for place, each in written
    ]
    # In one order everywhere, as the same may be told by two calls at once.
    letters.sort(key=lambda letter: (letter.told.device_id, letter.told.provider_id))
    return await store.insert(tx, letters, at)


async def prune(tx: Tx, now: datetime, days: int) -> bool:
    """Forget what came so many days ago, 0 keeps all; says whether there is more."""
    if days == 0:
        return False
    before = first_id_at(now - max(timedelta(days=days), LEAST_KEPT))
    return await store.prune(tx, before, PRUNED_AT_ONCE) == PRUNED_AT_ONCE


async def forget_chats(tx: Tx, now: datetime, days: int) -> bool:
    """Forget who wrote longer ago than is looked for, or than messages are kept, where not for ever
    (0 days); says whether there is more."""
    kept = min(LOOKS_BACK, timedelta(days=days)) if days else LOOKS_BACK
    return await store.forget_chats(tx, now - kept, PRUNED_AT_ONCE) == PRUNED_AT_ONCE


def spellings(number: str) -> list[str]:
    """The number as it came, and as somebody else may have written it."""
    others = [form.sub(to, number) for form, to in _SPELLINGS if form.fullmatch(number)]
    return [number, *others]


async def _answered(tx: Tx, told: Sequence[Inbound]) -> dict[int, Key]:
    """By its place the message that each answers, where it is known."""
    numbered = enumerate(told)
    asked = [(place, each.device_id, each.reply_to) for place, each in numbered if each.reply_to]
    return await store.answered(tx, asked)


async def _owners(
    tx: Tx, told: Sequence[Inbound], answered: Mapping[int, Key], at: datetime
) -> dict[int, int]:
    """By its place the account that each is for: whose message it answers, else who wrote last."""
    owners = {place: account_id for place, (account_id, _) in answered.items()}
    strangers = [
        (place, each.device_id, number)
        for place, each in enumerate(told)
        if place not in owners and each.sender is not None
        for number in spellings(each.sender)
    ]
    return owners | await store.wrote_last(tx, strangers, at - LOOKS_BACK)


def _message(key: Key | None) -> UUID | None:
    return None if key is None else key[1]
