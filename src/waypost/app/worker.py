"""Settings → the running loops of one worker process."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import SystemRandom
from uuid import UUID

from waypost.devices import leases
from waypost.dispatch.alarm_clock import AlarmClock
from waypost.dispatch.dispatch import Dispatch
from waypost.dispatch.housekeeping import Housekeeping
from waypost.drivers.registry import makers
from waypost.fleet.fetch import Fetching
from waypost.fleet.fleet import Fleet
from waypost.fleet.tenure import Tenure
from waypost.intake.callbacks import Callbacks
from waypost.kit.clock import Clock, SystemClock
from waypost.kit.config import Settings
from waypost.kit.db import CommitUnknown, Database, DatabaseAway
from waypost.kit.ids import Ids
from waypost.kit.listen import Listener
from waypost.kit.log import get
from waypost.kit.seal import sealer
from waypost.media.shelf import DeviceShelf
from waypost.queue import bell

LAST_SECONDS = 2.0
CLOSE_SECONDS = 1.0
"""What a stop keeps for giving pools away and closing devices, and for the database."""

log = get(__name__)


class _Stopped(Exception):
    """Ends the group of the worker's tasks."""


async def run_worker(settings: Settings, database_url: str, stop: asyncio.Event) -> None:
    """Send until `stop`, then finish what is under way."""
    clock = SystemClock()
    id, random = Ids(clock).new(), SystemRandom().random
    name = leases.session_name(id)
    db = Database(database_url, settings.database_pool_size, name)
    beats = Database(database_url, 1, name)  # which never wait for a connection
    try:
        await db.open()
        await beats.open()
        await _Worker(settings, db, beats, clock, id, random).run(stop)
    finally:
        await _close(db, beats)


class _Worker:
    """The tasks of a worker, in one group: when one of them crashes, all end."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        beats: Database,
        clock: Clock,
        id: UUID,
        random: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._db = db
        self._beats = beats
        self._clock = clock
        self._id = id
        self._random = random
        self._patience = max(0.0, settings.stop_seconds - LAST_SECONDS - CLOSE_SECONDS)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        try:
            async with asyncio.TaskGroup() as group:
                tenure, fleet, dispatch = self._build(group)
                hearing = group.create_task(fleet.hear())
                hearers = {bell.CHANNEL: dispatch.hear, leases.CHANNEL: tenure.hear}
                listener = Listener(self._db.url, hearers)
                housekeeping = Housekeeping(self._db, self._clock, self._settings.retention_days)
                alarm_clock = AlarmClock(self._db, self._clock)
                callbacks = Callbacks(self._db, sealer(self._settings), self._clock)
                most = self._settings.media_bytes_per_account
                fetching = Fetching(self._db, fleet.drivers, self._clock, self._random, most)
                for loop in (
                    tenure,
                    fleet,
                    dispatch,
                    listener,
                    callbacks,
                    fetching,
                    alarm_clock,
                    housekeeping,
                ):
                    group.create_task(loop.run())
                log.info("worker.started", worker_id=self._id)
                await stop.wait()
                await self._finish(tenure, fleet, dispatch, hearing)
                raise _Stopped
        except* _Stopped:
            log.info("worker.stopped", worker_id=self._id)

    def _build(self, group: asyncio.TaskGroup) -> tuple[Tenure, Fleet, Dispatch]:
        spawn, settings = group.create_task, self._settings
        tenure = Tenure(
            self._beats, self._id, self._clock, spawn, settings.lease_seconds, self._patience
        )
        drivers = makers(settings, self._clock, self._random, sealer(settings), self._shelf)
        fleet = Fleet(self._db, drivers, tenure, self._clock, self._random, spawn)
        dispatch = Dispatch(
            self._db, self._id, fleet, tenure, self._clock, self._random, spawn, settings
        )

        def look() -> None:
            fleet.look()
            dispatch.look()

        async def let_go(pool_id: int) -> None:
            await dispatch.let_go(pool_id)
            await fleet.let_go(pool_id)

        tenure.on_change, tenure.let_go = look, let_go
        fleet.on_change = dispatch.look
        return tenure, fleet, dispatch

    def _shelf(self, device_id: int) -> DeviceShelf:
        return DeviceShelf(self._db, self._clock, device_id)

    async def _finish(
        self, tenure: Tenure, fleet: Fleet, dispatch: Dispatch, hearing: asyncio.Task[None]
    ) -> None:
        with suppress(TimeoutError, DatabaseAway, CommitUnknown):
            async with asyncio.timeout(self._patience + LAST_SECONDS):
                await tenure.leave()
                await dispatch.drain()
                await fleet.close()
                await hearing


async def _close(*databases: Database) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await asyncio.gather(*(database.close() for database in databases))
