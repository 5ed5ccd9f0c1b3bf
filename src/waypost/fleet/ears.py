"""What drivers tell → intake, in batches."""

from collections.abc import Sequence

from waypost.drivers.news import DriverEvent
from waypost.drivers.port import Driver
from waypost.intake.apply import apply
from waypost.kit.batches import Batches
from waypost.kit.clock import Clock
from waypost.kit.db import Database
from waypost.kit.ids import Ids

MOST = 512
PAUSE_SECONDS = 0.05


class Ears:
    """Hears all drivers of this process; what was heard is kept while the database is away."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._ids = Ids(clock)
        self._heard: Batches[DriverEvent] = Batches("receipts", self._apply, MOST, PAUSE_SECONDS)

    async def listen(self, driver: Driver) -> None:
        """Hear one driver until it is closed."""
        async for event in driver.events():
            self._heard.put(event)

    async def run(self) -> None:
        """Hand on what is heard, until closed and all is written."""
        await self._heard.run()

    def close(self) -> None:
        """Hear no more."""
        self._heard.close()

    async def _apply(self, events: Sequence[DriverEvent]) -> None:
        await apply(self._db, self._clock, self._ids, events)
