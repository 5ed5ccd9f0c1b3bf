"""What has to be done now and then: room for the next months, old rows, and a look at the books."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Gauge

from waypost.accounts import signin
from waypost.credits import ledger
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.messages import partitions
from waypost.queue import upkeep

MINUTE = 60.0
HOUR = 3600.0
TICK_SECONDS = 5.0
SESSIONS_AT_ONCE = 10_000
LEDGER_LOOK_BACK = timedelta(hours=3)

DIFFERENCES = Gauge(
    "waypost_ledger_differences",
    "Accounts whose balance is not the sum of their ledger entries",
    multiprocess_mode="mostrecent",
)
STUCK = Gauge(
    "waypost_stuck_messages",
    "Messages whose worker died and that none has taken over",
    multiprocess_mode="mostrecent",
)

log = get(__name__)


@dataclass(slots=True)
class Chore:
    """Something to be done every so many seconds; `due` is when next."""

    name: str
    every: float
    work: Callable[[Tx, datetime], Awaitable[None]]
    due: float = 0.0


class Housekeeping:
    """Does each chore in a transaction of its own, at the start and then in its turn."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._chores = (
            Chore("partitions", HOUR, partitions.ensure),
            Chore("ledger", HOUR, _check_ledger),
            Chore("queue log", MINUTE, _prune_queue_log),
            Chore("sessions", HOUR, _clear_sessions),
            Chore("stuck messages", MINUTE, _count_stuck),
        )

    async def run(self) -> None:
        """Keep house until cancelled."""
        while True:
            for chore in self._chores:
                if chore.due <= self._clock.monotonic():
                    await self._do(chore)
            await asyncio.sleep(TICK_SECONDS)

    async def _do(self, chore: Chore) -> None:
        wait = chore.every
        try:
            await self._db.transact(lambda tx: chore.work(tx, self._clock.now()))
        except (DatabaseAway, CommitUnknown):
            wait = TICK_SECONDS
        except Exception:
            log.exception("housekeeping.failed", chore=chore.name)
            wait = MINUTE
        chore.due = self._clock.monotonic() + wait


async def _check_ledger(tx: Tx, now: datetime) -> None:
    broken = await ledger.breaks(tx, now - LEDGER_LOOK_BACK)
    DIFFERENCES.set(len(broken))
    for account_id in broken:
        log.error("ledger.differs", account_id=account_id, hint="run `waypost doctor`")


async def _prune_queue_log(tx: Tx, _: datetime) -> None:
    await upkeep.prune(tx)


async def _clear_sessions(tx: Tx, now: datetime) -> None:
    await signin.clear_ended(tx, now, SESSIONS_AT_ONCE)


async def _count_stuck(tx: Tx, now: datetime) -> None:
    STUCK.set(await upkeep.stuck(tx, now))
