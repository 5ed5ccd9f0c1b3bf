"""Sending: a loop for each pool, and the heartbeat of what they claimed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from waypost.dispatch.claimer import Claimer
from waypost.dispatch.sender import Sender
from waypost.fleet.fleet import Fleet
from waypost.kit.clock import Clock
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
    """Runs a claimer for every pool there is."""

    def __init__(
        self,
        db: Database,
        owner: UUID,
        fleet: Fleet,
        clock: Clock,
        random: Callable[[], float],
        spawn: Spawn,
        patience: timedelta,
    ) -> None:
        self._db = db
        self._owner = owner
        self._fleet = fleet
        self._clock = clock
        self._spawn = spawn
        self._patience = patience
        self._sender = Sender(db, owner, clock, random, spawn, self.look)
        self._loops: dict[int, _Loop] = {}
        self._stopping = False

    def hear(self, lane: str) -> None:
        """Jobs of this lane were committed."""
        for pool_id, loop in self._loops.items():
            if lane_of(pool_id) == lane:
                loop.claimer.wake()

    def look(self) -> None:
        """Pools, devices, or the room in their windows have changed."""
        if not self._stopping:
            for pool_id in self._fleet.pool_ids - self._loops.keys():
                self._loops[pool_id] = self._start(pool_id)
            for pool_id in self._loops.keys() - self._fleet.pool_ids:
                self._loops.pop(pool_id).claimer.stop()
        for loop in self._loops.values():
            loop.claimer.wake()

    async def run(self) -> None:
        """Settle outcomes, and beat for what takes long, until cancelled."""
        self._spawn(self._sender.run())
        while True:
            await asyncio.sleep(lanes.BEAT_EVERY.total_seconds())
            try:
                await self._beat()
            except (DatabaseAway, CommitUnknown):
                log.warning("heartbeat.missed")

    async def stop(self) -> None:
        """Claim no more, and wait until what is under way is settled."""
        self._stopping = True
        for loop in self._loops.values():
            loop.claimer.stop()
        await asyncio.gather(*(loop.task for loop in self._loops.values()))
        await self._sender.drain()

    async def release(self) -> None:
        """Give back what is claimed, for other workers."""
        await self._db.transact(lambda tx: lanes.release(tx, self._owner))

    def _start(self, pool_id: int) -> _Loop:
        claimer = Claimer(
            self._db,
            self._owner,
            pool_id,
            self._fleet,
            self._sender,
            self._clock,
            self._patience,
        )
        return _Loop(claimer, self._spawn(claimer.run()))

    async def _beat(self) -> None:
        # Most are settled long before their first beat is due.
        jobs = self._sender.flying(lanes.BEAT_EVERY.total_seconds())
        if jobs:
            await self._db.transact(lambda tx: lanes.beat(tx, jobs))
