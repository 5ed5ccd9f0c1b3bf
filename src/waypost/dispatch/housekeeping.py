"""What has to be done now and then: room for the next months, old rows, and a look at the books.

Every worker does all of it: each chore is safe beside itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from prometheus_client import Gauge

from waypost.accounts import signin
from waypost.credits import ledger
from waypost.devices import days, stops
from waypost.intake import callbacks
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Locked, Tx
from waypost.kit.log import get
from waypost.media import manage as files
from waypost.messages import (
    fetches,
    idempotency,
    inbound,
    partitions,
    retention,
    stuck,
    trace,
    watch,
)
from waypost.queue import upkeep

MINUTE = 60.0
HOUR = 3600.0
TICK_SECONDS = 5.0
SESSIONS_AT_ONCE = 10_000
LEDGER_LOOK_BACK = timedelta(hours=3)
NAMED = 3

DIFFERENCES = Gauge(
    "waypost_ledger_differences",
    "Accounts whose balance is not the sum of their ledger entries",
    multiprocess_mode="mostrecent",
)
STUCK = Gauge(
    "waypost_stuck_messages",
    "Messages past their deadline, or that nothing would send",
    multiprocess_mode="mostrecent",
)
ABANDONED = Gauge(
    "waypost_abandoned_claims",
    "Messages whose worker died and that none has taken over",
    multiprocess_mode="mostrecent",
)

Work = Callable[[Database, datetime], Awaitable[object]]
TxWork = Callable[[Tx, datetime], Awaitable[object]]

log = get(__name__)


@dataclass(slots=True)
class Chore:
    """Something to be done every so many seconds; `due` is when next."""

    name: str
    every: float
    work: Work
    due: float = 0.0

    @classmethod
    def of(cls, name: str, every: float, work: TxWork) -> "Chore":
        """One that is done in a transaction, and again at once when it says that there is more."""

        async def run(db: Database, now: datetime) -> None:
            while await db.transact(lambda tx: work(tx, now)) is True:
                pass

        return cls(name, every, run)


class Housekeeping:
    """Does each chore at the start, and then in its turn."""

    def __init__(self, db: Database, clock: Clock, retention_days: int = 0) -> None:
        self._db = db
        self._clock = clock
        self._chores = (
            Chore.of("partitions", HOUR, partitions.ensure),
            Chore.of("ledger", HOUR, _check_ledger),
            Chore.of("queue", MINUTE, _keep_queue),
            Chore.of("queue priorities", MINUTE, _raise_priorities),
            Chore.of("queue log", MINUTE, _prune_queue_log),
            Chore.of("deadlines", MINUTE, watch.watch),
            Chore.of("stuck messages", MINUTE, _count_stuck),
            Chore.of("sessions", HOUR, _clear_sessions),
            Chore.of("idempotency keys", MINUTE, idempotency.prune),
            Chore.of("device days", HOUR, days.prune),
            Chore.of("device stops", HOUR, stops.prune),
            Chore.of("provider ids", HOUR, trace.prune),
            Chore.of("provider notices", HOUR, callbacks.prune),
            Chore.of("files", HOUR, files.prune),
            Chore.of("inbox", HOUR, partial(inbound.prune, days=retention_days)),
            Chore.of("chats", HOUR, partial(inbound.forget_chats, days=retention_days)),
            Chore.of("files to be fetched", HOUR, fetches.give_up),
        )
        # A first run over large months takes minutes, for which nothing else is to wait.
        self._long_chores = (
            Chore("retention", HOUR, partial(retention.drop, days=retention_days)),
        )

    async def run(self) -> None:
        """Keep house until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep(self._chores))
            group.create_task(self._keep(self._long_chores))

    async def _keep(self, chores: Sequence[Chore]) -> None:
        while True:
            for chore in chores:
                if chore.due <= self._clock.monotonic():
                    await self._do(chore)
            await asyncio.sleep(TICK_SECONDS)

    async def _do(self, chore: Chore) -> None:
        wait = chore.every
        try:
            await chore.work(self._db, self._clock.now())
        except (DatabaseAway, CommitUnknown):
            wait = TICK_SECONDS
        except Locked:
            log.info("housekeeping.postponed", chore=chore.name)
            wait = MINUTE
        except Exception:
            log.exception("housekeeping.failed", chore=chore.name)
            wait = MINUTE
        chore.due = self._clock.monotonic() + wait


async def _check_ledger(tx: Tx, now: datetime) -> None:
    broken = await ledger.breaks(tx, now - LEDGER_LOOK_BACK)
    DIFFERENCES.set(len(broken))
    for account_id in broken:
        log.error("ledger.differs", account_id=account_id, hint="run `waypost doctor`")


async def _keep_queue(tx: Tx, _: datetime) -> None:
    if healed := await upkeep.heal(tx):
        log.error("queue.healed", chains=healed)
    await upkeep.forget_idle(tx)


async def _raise_priorities(tx: Tx, _: datetime) -> None:
    await upkeep.rebase(tx)


async def _prune_queue_log(tx: Tx, _: datetime) -> None:
    await upkeep.prune(tx)


async def _clear_sessions(tx: Tx, now: datetime) -> None:
    await signin.clear_ended(tx, now, SESSIONS_AT_ONCE)


async def _count_stuck(tx: Tx, now: datetime) -> None:
    found = await stuck.soonest(tx, now)
    STUCK.set(len(found))
    ABANDONED.set(await upkeep.stuck(tx, now))
    if found:
        named = [each.queue_id for each in found[:NAMED]]
        log.error("messages.stuck", count=len(found), some=named, hint="run `waypost doctor`")
