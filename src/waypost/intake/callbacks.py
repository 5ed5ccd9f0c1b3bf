"""Providers' calls: kept before they are answered, then worked off in batches by every worker."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from waypost.drivers.cloud import inbound
from waypost.drivers.cloud.errors import Level
from waypost.drivers.news import Stop
from waypost.drivers.outgoing import Ref
from waypost.intake import apply, sort
from waypost.intake import store_callbacks as store
from waypost.intake.apply import News
from waypost.intake.sort import Strange, Told
from waypost.intake.store_callbacks import Call, Kept
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.ids import Ids
from waypost.kit.log import get
from waypost.kit.seal import Sealer
from waypost.messages import trace

LOOK_SECONDS = 0.25
AT_ONCE = 64
BYTES_AT_ONCE = 1_048_576

ATTEMPTS = 10
"""Doubling from a second on, the waits between them come to 17 minutes."""

ATTEMPTS_AT_STRANGE = 24
"""With waits of an hour at most they come to half a day, in which people change secrets."""

LONGEST_WAIT = timedelta(hours=1)

NOTICES_KEPT = timedelta(days=30)
PRUNED_AT_ONCE = 5000

log = get(__name__)


async def keep(tx: Tx, device_id: int, body: bytes, at: datetime) -> None:
    """Keep a call; it may be answered once this is committed."""
    await store.keep(tx, [Call(device_id, body, at, at)])


async def prune(tx: Tx, now: datetime) -> bool:
    """Forget what nobody looked at for so long; says whether there is more."""
    return await store.prune(tx, now - NOTICES_KEPT, PRUNED_AT_ONCE) == PRUNED_AT_ONCE


class Callbacks:
    """Works off what the providers told, wherever it came in."""

    def __init__(self, db: Database, sealer: Sealer, clock: Clock) -> None:
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._ids = Ids(clock)

    async def run(self) -> None:
        """Look for calls until cancelled."""
        while True:
            try:
                while await self.work_off(AT_ONCE):
                    pass
            except (DatabaseAway, CommitUnknown):
                log.warning("callbacks.wait")
            except Exception:
                log.exception("callbacks.failed")
            await asyncio.sleep(LOOK_SECONDS)

    async def work_off(self, most: int) -> int:
        """Work off up to so many calls that are due, in one commit; returns how many they were."""
        taken: list[Kept] = []

        async def work(tx: Tx) -> News:
            taken[:] = await store.take(tx, self._clock.now(), most, BYTES_AT_ONCE)
            return await self._tell(tx, taken) if taken else News()

        try:
            news = await self._db.transact(work)
        except (DatabaseAway, CommitUnknown):
            raise
        except Exception as error:
            if not taken:
                raise
            await self._apart(taken, error)
        else:
            news.count()
        return len(taken)

    async def _apart(self, taken: Sequence[Kept], error: Exception) -> None:
        """One bad call must not keep the others: each is tried by itself, and put off alone."""
        if len(taken) == 1:
            log.error("callback.failed", callback_id=taken[0].id, exc_info=error)
            trouble = type(error).__name__
            await self._db.transact(lambda tx: self._put_off(tx, taken[0], trouble))
            return
        for _ in taken:
            await self.work_off(1)

    async def _put_off(self, tx: Tx, kept: Kept, trouble: str) -> None:
        call = kept.call
        if _is_young(call):
            await store.put_off(tx, kept.id, self._clock.now() + _wait(call), trouble)
        else:
            await store.notice(tx, [sort.unread(call)])
            await store.drop(tx, [kept.id])

    async def _tell(self, tx: Tx, taken: Sequence[Kept]) -> News:
        found = await sort.sort(tx, self._sealer, [kept.call for kept in taken])
        refs = await trace.trace(tx, [told.sight for told in found.statuses])
        each = list(zip(found.statuses, refs, strict=True))
        traced = [(told, ref) for told, ref in each if ref is not None]
        receipts = [told.status.receipt(ref) for told, ref in traced]
        stops = await _stops(tx, traced)
        news = await apply.write(tx, self._clock, self._ids, [*receipts, *stops])
        now = self._clock.now()
        # Before what people wrote: it may answer what only these statuses tell to have left.
        await trace.remember(tx, [(told.sight, ref) for told, ref in traced], now)
        news += await apply.write(tx, self._clock, self._ids, found.events)
        await self._look_again(tx, [told for told, ref in each if ref is None], found.strange, now)
        await store.notice(tx, found.notices)
        await store.drop(tx, [kept.id for kept in taken])
        return news

    async def _look_again(
        self, tx: Tx, lost: Sequence[Told], strange: Sequence[Strange], now: datetime
    ) -> None:
        """A status may be faster than the answer that tells us its id, and a call faster than the
        secrets of all that it tells of."""
        young = [told for told in lost if _is_young(told.call)]
        hoped = [each for each in strange if _is_hoped(each.call)]
        await store.keep(tx, [*_again(young, now), *_later(hoped, now)])
        given_up = [sort.lost(told) for told in lost if not _is_young(told.call)]
        given_up += [sort.unexplained(s.call, s.change) for s in strange if not _is_hoped(s.call)]
        await store.notice(tx, given_up)
        if strange:
            signed_by = sorted({each.call.device_id for each in strange})
            log.warning("callbacks.strange", signed_by=signed_by, put_off=len(hoped))


async def _stops(tx: Tx, traced: Sequence[tuple[Told, Ref]]) -> list[Stop]:
    """What stops by what failed; a template's by which one the message carried."""
    told = [(stop, ref) for each, ref in traced if (stop := each.status.stop(each.device_id))]
    of_one = [ref for stop, ref in told if stop.level == Level.TEMPLATE]
    templates = await trace.templates(tx, of_one) if of_one else {}
    named = [replace(stop, template=templates.get(ref)) for stop, ref in told]
    return [stop for stop in named if stop.template or stop.level != Level.TEMPLATE]


def _later(strange: Iterable[Strange], now: datetime) -> list[Call]:
    """What is left of their calls: these changes, to be believed or not by then."""
    left: defaultdict[int, list[Strange]] = defaultdict(list)
    for each in strange:
        left[id(each.call)].append(each)
    return [
        _left_of(
            some[0].call,
            inbound.call_again([each.change for each in some]),
            now,
            "its number's app secret is another one, or cannot be opened here",
        )
        for some in left.values()
    ]


def _again(lost: Iterable[Told], now: datetime) -> list[Call]:
    """What is left of their calls: these statuses, to be told once more."""
    left: defaultdict[tuple[int, str], list[Told]] = defaultdict(list)
    for told in lost:
        left[id(told.call), told.phone_number_id].append(told)
    return [
        _left_of(
            some[0].call,
            inbound.call(number, [told.status for told in some]),
            now,
            "fits no message yet",
        )
        for (_, number), some in left.items()
    ]


def _left_of(call: Call, body: bytes, now: datetime, trouble: str) -> Call:
    attempts, due_at = call.attempts + 1, now + _wait(call)
    return replace(call, body=body, due_at=due_at, attempts=attempts, trouble=trouble)


def _is_young(call: Call) -> bool:
    return call.attempts < ATTEMPTS


def _is_hoped(call: Call) -> bool:
    return call.attempts < ATTEMPTS_AT_STRANGE


def _wait(call: Call) -> timedelta:
    return min(timedelta(seconds=2**call.attempts), LONGEST_WAIT)
