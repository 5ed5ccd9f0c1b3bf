"""Drop old messages with their facts, by whole months, but nothing that is still to be sent.

A month is surveyed a piece at a time, without locks; then what goes is taken off the pages; at last
the month is replaced, in one short transaction, by what it holds of unfinished messages. What is
to be done is read off the month itself, so a run that ends at any point is made up for by the next.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from waypost.events import log as facts
from waypost.kit.db import Database, Tx
from waypost.kit.ids import first_id_at
from waypost.kit.log import get
from waypost.kit.months import Month, start_of
from waypost.messages import store_progress
from waypost.messages import store_retention as store
from waypost.messages.store_progress import Key
from waypost.messages.store_retention import Held, Numbered, Numbers

PIECE = 20_000
ACCOUNTS_AT_ONCE = 500
BATCHES_AT_ONCE = 1000

MOST_KEPT = 20_000
"""Everybody waits while a month's unfinished messages are moved: a month with more stays whole."""

log = get(__name__)


class TooManyKept(Exception):
    """Most of the month would only be moved."""


@dataclass(slots=True)
class Share:
    """What a month holds of an account: how much, its last running number, what is unfinished."""

    messages: int = 0
    last: int = 0
    kept: list[Numbered] = field(default_factory=list)


@dataclass(slots=True)
class Survey:
    """What a month holds, by account."""

    shares: defaultdict[int, Share] = field(default_factory=lambda: defaultdict(Share))

    def add(self, numbers: Iterable[Numbers], kept: Iterable[Numbered]) -> None:
        """Count a piece of the month in."""
        for each in numbers:
            share = self.shares[each.account_id]
            share.messages += each.messages
            share.last = max(share.last, each.last)
        for message in kept:
            self.shares[message.account_id].kept.append(message)

    @property
    def messages(self) -> int:
        return sum(share.messages for share in self.shares.values())

    @property
    def kept(self) -> list[Key]:
        """What is to stay."""
        return [(m.account_id, m.id) for share in self.shares.values() for m in share.kept]


async def drop(db: Database, now: datetime, days: int) -> int:
    """Drop the months that ended at least `days` ago; returns how many messages went with them.

    0 days keep everything. One process does it at a time; to the others there is nothing to do.
    """
    if days == 0:
        return 0
    async with db.read() as turn:
        if not await store.take_turn(turn):
            return 0
        try:
            return await _drop(db, now, now - timedelta(days=days))
        finally:
            await store.give_turn(turn)


async def _drop(db: Database, now: datetime, oldest: datetime) -> int:
    dropped = 0
    for month in await _months(db, oldest):
        try:
            dropped += await _drop_month(db, month, now)
        except (Held, TooManyKept) as reason:
            # Pages are ranges of running numbers: later months go after this one.
            log.warning("retention.postponed", month=month.name, reason=type(reason).__name__)
            break
    await _drop_batches(db, oldest)
    return dropped


async def _months(db: Database, oldest: datetime) -> list[Month]:
    """Those that ended before this moment, oldest first."""
    async with db.read() as tx:
        months = await store.months(tx)
    return [month for month in months if month.end <= first_id_at(oldest)]


async def _drop_month(db: Database, month: Month, now: datetime) -> int:
    """Drop what is finished of a month, and the month itself if that is all; returns how many."""
    survey = await _survey(db, month, now)
    kept = survey.kept
    gone = survey.messages - len(kept)
    if kept and not gone:
        return 0
    moved = await _hide(db, month, survey)
    with store.not_waiting_long():
        await db.transact(partial(_replace, month=month, kept=kept, moved=moved))
    log.info("retention.dropped", month=month.name, messages=gone, kept=len(kept))
    return gone


async def _survey(db: Database, month: Month, now: datetime) -> Survey:
    survey, first = Survey(), month.first
    while first < month.end:
        async with db.tx() as tx:
            await store_progress.plan_anew(tx)
            end = await store.border(tx, first, month.end, PIECE)
            numbers = await store.numbers(tx, first, end)
            kept = await store.unfinished(tx, first, end, now)
        survey.add(numbers, kept)
        if len(survey.kept) > MOST_KEPT:
            raise TooManyKept
        first = end
    return survey


async def _hide(db: Database, month: Month, survey: Survey) -> list[Numbered]:
    """Take what goes off the pages; returns what stays under another running number."""
    moved = []
    for accounts in _portions(survey):
        moved += await db.transact(partial(_hide_some, month=month, accounts=accounts))
    return moved


async def _hide_some(tx: Tx, month: Month, accounts: Mapping[int, Share]) -> list[Numbered]:
    await store_progress.plan_anew(tx)
    lasts = {account_id: share.last for account_id, share in accounts.items()}
    stays = {account_id: list(share.kept) for account_id, share in accounts.items()}
    for each in await store.outside(tx, lasts, month):
        stays[each.account_id].append(each)
    await store.hide(tx, {id: last - len(stays[id]) for id, last in lasts.items()})
    return [each for id, last in lasts.items() for each in moved_up(last, stays[id])]


def moved_up(last: int, stays: list[Numbered]) -> list[Numbered]:
    """Those of an account's messages that get another number, when all get the last ones in order.

    So the numbers that are left have no gaps, and a page is a range of them as before.
    """
    in_order = sorted(stays, key=lambda each: (each.number, each.id))
    numbers = range(last - len(in_order) + 1, last + 1)
    pairs = zip(in_order, numbers, strict=True)
    return [replace(each, number=number) for each, number in pairs if each.number != number]


async def _replace(tx: Tx, month: Month, kept: list[Key], moved: list[Numbered]) -> None:
    await store.shut(tx)
    await facts.shut(tx)
    await store.replace_partition(tx, month, kept)
    await facts.replace_partition(tx, month, kept)
    await store.renumber(tx, moved)


async def _drop_batches(db: Database, oldest: datetime) -> None:
    """Drop the batches of dropped months, but for those with a message that was kept."""
    before, is_done = start_of(oldest), False
    while not is_done:
        is_done = await db.transact(lambda tx: store.drop_batches(tx, before, BATCHES_AT_ONCE))


def _portions(survey: Survey) -> Iterator[dict[int, Share]]:
    """Some accounts at a time, in the order in which they are locked."""
    accounts = iter(sorted(survey.shares.items()))
    while some := dict(islice(accounts, ACCOUNTS_AT_ONCE)):
        yield some
