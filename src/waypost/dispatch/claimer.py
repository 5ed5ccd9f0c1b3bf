"""One pool's loop: claim as much as its devices can take now, mark it, send it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from waypost.dispatch.chooser import Load, least_loaded
from waypost.dispatch.sender import Sender
from waypost.fleet.fleet import Fleet
from waypost.fleet.phone import Phone
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.messages import mark, settle
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed, Place
from waypost.queue import lanes, upkeep
from waypost.queue.model import Lane, lane_of

BATCH = 128
POLL_SECONDS = 0.5
LOOK_FOR_LATE_SECONDS = 5.0

log = get(__name__)


class Claimer:
    """Sends what waits in one pool's lane, until stopped."""

    def __init__(
        self,
        db: Database,
        owner: UUID,
        pool_id: int,
        fleet: Fleet,
        sender: Sender,
        clock: Clock,
        patience: timedelta,
    ) -> None:
        self._db = db
        self._owner = owner
        self._pool_id = pool_id
        self._lane: Lane = lane_of(pool_id)
        self._fleet = fleet
        self._sender = sender
        self._clock = clock
        self._patience = patience
        self._wake = asyncio.Event()
        self._stopping = False
        self._look_at = 0.0

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Claim no more; `run` returns after the round that is under way."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Go round until stopped."""
        while not self._stopping:
            self._wake.clear()
            try:
                more = await self._round()
            except (DatabaseAway, CommitUnknown):
                log.warning("claim.waits", pool_id=self._pool_id)
                await asyncio.sleep(POLL_SECONDS)
            except Exception:
                log.exception("claim.failed", pool_id=self._pool_id)
                await asyncio.sleep(POLL_SECONDS)
            else:
                if not more:
                    await self._rest()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()

    async def _round(self) -> bool:
        """Send a batch; says whether there may be more for devices that have room."""
        phones = {phone.device.id: phone for phone in self._fleet.ready(self._pool_id)}
        if not phones:
            return await self._end_late_ones()
        loads = {id: Load(phone.in_flight, phone.window) for id, phone in phones.items()}
        places = least_loaded(loads, BATCH)
        claimed = await self._claim(len(places)) if places else []
        late, due = self._sort(claimed)
        await self._expire(late)
        await self._send(due, places, phones)
        return 0 < len(claimed) == len(places)

    async def _claim(self, most: int) -> list[Claimed]:
        async def claim(tx: Tx) -> list[Claimed]:
            jobs = await lanes.claim(tx, self._owner, self._lane, most, self._patience)
            return await mark.load(tx, jobs) if jobs else []

        return await self._db.transact(claim)

    async def _send(
        self, claimed: Sequence[Claimed], device_ids: Sequence[int], phones: dict[int, Phone]
    ) -> None:
        # What is claimed and not marked when the worker stops is released by it.
        if not claimed or self._stopping:
            return
        places = [
            Place(each, id, may_repeat=phones[id].driver.deduplicates)
            for each, id in zip(claimed, device_ids, strict=False)
        ]
        now = self._clock.now()
        for marked in await self._db.transact(lambda tx: mark.mark(tx, places, now)):
            self._sender.send(phones[marked.device_id], marked)

    async def _end_late_ones(self) -> bool:
        """With no device to send through, what waits at the lane's head still expires."""
        if self._clock.monotonic() < self._look_at:
            return False
        async with self._db.tx() as tx:
            waiting = await mark.load(tx, await upkeep.head(tx, self._lane, BATCH))
        late, _ = self._sort(waiting)
        await self._expire(late)
        if len(late) < BATCH:
            self._look_at = self._clock.monotonic() + LOOK_FOR_LATE_SECONDS
        return len(late) == BATCH

    async def _expire(self, late: Sequence[Claimed]) -> None:
        if late:
            ended = await self._db.transact(lambda tx: settle.expire(tx, late, self._clock))
            self._sender.count_expired(ended)

    def _sort(self, claimed: Sequence[Claimed]) -> tuple[list[Claimed], list[Claimed]]:
        """Those that expired before they were sent, and the others."""
        now = self._clock.now()
        late: list[Claimed] = []
        due: list[Claimed] = []
        for each in claimed:
            queued = each.text.status is Status.QUEUED
            (late if queued and each.text.expires_at <= now else due).append(each)
        return late, due
