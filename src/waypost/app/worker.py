"""Settings → the running loops of one worker process."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import SystemRandom
from uuid import UUID

from waypost.app.presence import WORKER
from waypost.dispatch.dispatch import Dispatch
from waypost.dispatch.housekeeping import Housekeeping
from waypost.drivers.registry import makers
from waypost.fleet.fleet import Fleet
from waypost.kit.clock import Clock, SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import CommitUnknown, Database, DatabaseAway
from waypost.kit.ids import Ids
from waypost.kit.listen import Listener
from waypost.kit.log import get
from waypost.queue.bell import CHANNEL
from waypost.queue.lanes import HEARTBEAT_TIMEOUT

LAST_SECONDS = 2.0
CLOSE_SECONDS = 1.0
"""What a stop keeps for giving back claims and closing devices, and for the database."""

log = get(__name__)


class _Stopped(Exception):
    """Ends the group of the worker's tasks."""


async def run_worker(
    settings: Settings,
    database_url: str,
    stop: asyncio.Event,
    patience: timedelta = HEARTBEAT_TIMEOUT,
) -> None:
    """Send until `stop`, then finish what is under way; `patience` is that with dead workers."""
    clock = SystemClock()
    db = Database(database_url, settings.database_pool_size, WORKER)
    await db.open()
    try:
        worker = _Worker(settings, db, clock, Ids(clock).new(), SystemRandom().random, patience)
        await worker.run(stop)
    finally:
        await _close(db)


class _Worker:
    """The tasks of a worker, in one group: when one of them crashes, all end."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        clock: Clock,
        id: UUID,
        random: Callable[[], float],
        patience: timedelta,
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._id = id
        self._random = random
        self._patience = patience

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        try:
            async with asyncio.TaskGroup() as group:
                fleet, dispatch = self._build(group)
                hearing = group.create_task(fleet.hear())
                listener = Listener(self._db.url, {CHANNEL: dispatch.hear})
                housekeeping = Housekeeping(self._db, self._clock)
                for loop in (fleet, dispatch, listener, housekeeping):
                    group.create_task(loop.run())
                log.info("worker.started", worker_id=self._id)
                await stop.wait()
                await self._finish(fleet, dispatch, hearing)
                raise _Stopped
        except* _Stopped:
            log.info("worker.stopped", worker_id=self._id)

    def _build(self, group: asyncio.TaskGroup) -> tuple[Fleet, Dispatch]:
        drivers = makers(self._settings, self._clock, self._random)
        fleet = Fleet(self._db, drivers, self._clock, group.create_task)
        dispatch = Dispatch(
            self._db,
            self._id,
            fleet,
            self._clock,
            self._random,
            group.create_task,
            self._patience,
        )
        fleet.on_change = dispatch.look
        return fleet, dispatch

    async def _finish(self, fleet: Fleet, dispatch: Dispatch, hearing: asyncio.Task[None]) -> None:
        patience = self._settings.stop_seconds - LAST_SECONDS - CLOSE_SECONDS
        try:
            async with asyncio.timeout(max(0.0, patience)):
                await dispatch.stop()
        except TimeoutError:
            # They stay `Sending`; who takes over finds them so.
            log.warning("worker.left_under_way")
        with suppress(TimeoutError, DatabaseAway, CommitUnknown):
            async with asyncio.timeout(LAST_SECONDS):
                await dispatch.release()
                await fleet.close()
                await hearing


async def _close(db: Database) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await db.close()
