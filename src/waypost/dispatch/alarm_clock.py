"""Rings the alarms of messages: what is scheduled is queued when it is due, what is late ends."""

import asyncio

from waypost.dispatch.sender import count
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway
from waypost.kit.log import get
from waypost.messages import ring
from waypost.messages.model import Status
from waypost.queue.bell import Bell

LOOK_SECONDS = 1.0

log = get(__name__)


class AlarmClock:
    """Looks each second whether an alarm is due, and rings until none is."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._bell = Bell(db)

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bell.run())
            while True:
                try:
                    await self._ring()
                except (DatabaseAway, CommitUnknown):
                    log.warning("alarms.wait")
                except Exception:
                    log.exception("alarms.failed")
                await asyncio.sleep(LOOK_SECONDS)

    async def _ring(self) -> None:
        async with self._db.read() as tx:
            is_due = await ring.is_due(tx, self._clock.now())
        while is_due:
            rung = await self._db.transact(lambda tx: ring.ring(tx, self._clock))
            for lane in rung.lanes:
                self._bell.ring(lane)
            count(Status.EXPIRED, rung.expired)
            is_due = rung.alarms == ring.AT_ONCE
