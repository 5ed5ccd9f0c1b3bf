"""Sending: a loop for each pool that we carry, and the heartbeat of what they claimed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from waypost.devices.leases import Lease
from waypost.dispatch.claimer import Claimer
from waypost.dispatch.sender import Sender
from waypost.fleet.fleet import Fleet
from waypost.fleet.tenure import Tenure
from waypost.kit.clock import Clock
from waypost.kit.config import Settings
from waypost.kit.db import CommitUnknown, Database, DatabaseAway
from waypost.kit.log import get
from waypost.kit.tasks import Spawn
from waypost.queue import lanes
from waypost.queue.model import lane_of

log = get(__name__)


@dataclass(slots=True)
class _Loop:
    claimer: Claimer
    task: asyncio.Task[None]


class Dispatch:
    """Runs a claimer for every lease that we hold."""

    def __init__(
        self,
        db: Database,
        owner: UUID,
        fleet: Fleet,
        tenure: Tenure,
        clock: Clock,
        random: Callable[[], float],
        spawn: Spawn,
        settings: Settings,
    ) -> None:
        self._db = db
        self._fleet = fleet
        self._tenure = tenure
        self._clock = clock
        self._spawn = spawn
        self._uncertain_after = timedelta(seconds=settings.uncertain_after_seconds)
        self._sender = Sender(
            db, owner, tenure, clock, random, spawn, self._uncertain_after, self._wake
        )
        self._loops: dict[Lease, _Loop] = {}

    def hear(self, lane: str) -> None:
        """Jobs of this lane were committed."""
        for lease, loop in self._loops.items():
            if lane_of(lease.pool_id) == lane:
                loop.claimer.wake()

    def look(self) -> None:
        """Our leases, or the devices, have changed."""
        kept = {held.lease for held in self._tenure.held.values() if not held.is_ending}
        for lease in kept - self._loops.keys():
            self._loops[lease] = self._start(lease)
        for lease, loop in list(self._loops.items()):
            if lease in kept:
                loop.claimer.wake()
            elif loop.task.done():
                del self._loops[lease]
            else:
                loop.claimer.stop()

    async def run(self) -> None:
        """Settle outcomes, and beat for what takes long, until cancelled."""
        self._spawn(self._sender.run())
        while True:
            await asyncio.sleep(lanes.BEAT_EVERY.total_seconds())
            try:
                await self._beat()
            except (DatabaseAway, CommitUnknown):
                log.warning("heartbeat.missed")

    async def let_go(self, pool_id: int) -> None:
        """Claim no more from a pool, and wait until what is under way from it is settled."""
        loops = [loop for lease, loop in self._loops.items() if lease.pool_id == pool_id]
        for loop in loops:
            loop.claimer.stop()
        await asyncio.gather(*(loop.task for loop in loops))
        await self._sender.drain(pool_id)

    async def drain(self) -> None:
        """Wait until all that is under way is settled, from pools that we lost as well."""
        await self._sender.drain()

    def _wake(self, pool_id: int) -> None:
        """There is room in the windows of this pool's devices."""
        self.hear(lane_of(pool_id))

    def _start(self, lease: Lease) -> _Loop:
        claimer = Claimer(
            self._db,
            lease,
            self._tenure,
            self._fleet,
            self._sender,
            self._clock,
            self._uncertain_after,
        )
        return _Loop(claimer, self._spawn(claimer.run()))

    async def _beat(self) -> None:
        # Most are settled long before their first beat is due.
        jobs = self._sender.flying(lanes.BEAT_EVERY.total_seconds())
        for loop in self._loops.values():
            jobs += loop.claimer.waiting
        if jobs:
            await self._db.transact(lambda tx: lanes.beat(tx, jobs))
