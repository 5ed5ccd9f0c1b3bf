"""How processes appear in the database's activity, where others see that they live."""

import asyncio

from waypost.kit.db import Database, DatabaseAway

WORKER = "waypost worker"
LOOK_SECONDS = 1.0


class Presence:
    """Whether a worker lives, looked at each second: without one no device can send."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.has_worker = False

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self.has_worker = await self._db.is_present(WORKER)
            except DatabaseAway:
                self.has_worker = False
            await asyncio.sleep(LOOK_SECONDS)
