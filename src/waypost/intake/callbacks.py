"""Providers' calls: kept before they are answered, then worked off in batches by every worker."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from waypost.drivers.cloud import inbound
from waypost.intake import apply, sort
from waypost.intake import store_callbacks as store
from waypost.intake.apply import News
from waypost.intake.sort import Told
from waypost.intake.store_callbacks import Call, Kept, Unexplained
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
        news = await apply.write(tx, self._clock, self._ids, [*receipts, *found.events])
        now = self._clock.now()
        await trace.remember(tx, [(told.sight, ref) for told, ref in traced], now)
        await self._keep(tx, [told for told, ref in each if ref is None], found.notices, now)
        await store.drop(tx, [kept.id for kept in taken])
        return news

    async def _keep(
        self, tx: Tx, lost: Sequence[Told], notices: Sequence[Unexplained], now: datetime
    ) -> None:
        """A status may be faster than the answer that tells us its id: it is looked at again."""
        given_up = [sort.lost(told) for told in lost if not _is_young(told.call)]
        if again := _again([told for told in lost if _is_young(told.call)], now):
            await store.keep(tx, again)
        if unexplained := [*notices, *given_up]:
            await store.notice(tx, unexplained)


def _again(lost: Iterable[Told], now: datetime) -> list[Call]:
    """What is left of their calls: these statuses, to be told once more."""
    left: defaultdict[tuple[int, str], list[Told]] = defaultdict(list)
    for told in lost:
        left[id(told.call), told.phone_number_id].append(told)
    return [
        replace(
            (call := some[0].call),
            body=inbound.call(number, [told.status for told in some]),
            due_at=now + _wait(call),
            attempts=call.attempts + 1,
            trouble="fits no message yet",
        )
        for (_, number), some in left.items()
    ]


def _is_young(call: Call) -> bool:
    return call.attempts < ATTEMPTS


def _wait(call: Call) -> timedelta:
    return timedelta(seconds=2**call.attempts)
