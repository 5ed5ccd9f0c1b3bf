"""Rings for workers after a commit: a hint that saves them the wait for their next look."""

import asyncio

from waypost.kit.db import Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.queue.model import Lane

CHANNEL = "waypost_lane"
PAUSE_SECONDS = 0.02

RING = "select pg_notify($1, lane) from unnest($2::text[]) as t(lane)"

log = get(__name__)


class Bell:
    """Gathers what was pushed and notifies at most every 20 ms, outside of any commit's way."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lanes: set[Lane] = set()
        self._due = asyncio.Event()

    def ring(self, lane: Lane) -> None:
        """Jobs of this lane were committed."""
        self._lanes.add(lane)
        self._due.set()

    async def run(self) -> None:
        """Ring until cancelled."""
        while True:
            await self._due.wait()
            lanes, self._lanes = self._lanes, set()
            self._due.clear()
            try:
                async with self._db.read() as tx:
                    await _notify(tx, lanes)
            except DatabaseAway:
                log.warning("bell.silent")  # workers look by themselves twice a second
            except Exception:
                log.exception("bell.failed")
            await asyncio.sleep(PAUSE_SECONDS)


async def _notify(tx: Tx, lanes: set[Lane]) -> None:
    await tx.execute(RING, CHANNEL, sorted(lanes))
