"""Messages that make no progress: past their deadline, or with nothing that would send them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at
from waypost.messages import store_stuck as store
from waypost.messages.model import show_id
from waypost.messages.store_stuck import Since, Suspect
from waypost.queue import lanes

UNTOUCHED_FOR = timedelta(minutes=2)
GRACE = timedelta(minutes=1)
LOOK_BACK = timedelta(days=31)
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Stuck:
    """A message that should have ended (`is_overdue`), or that nothing would send."""

    account_id: int
    id: UUID
    is_overdue: bool

    @property
    def queue_id(self) -> str:
        return show_id(self.id)


async def soonest(tx: Tx, now: datetime) -> list[Stuck]:
    """Those among the ten thousand waiting messages that are due or expire next: cheap."""
    since = _since(now)
    return await _stuck(tx, await store.next_due(tx, since, MOST), since)


async def of_a_month(tx: Tx, now: datetime) -> list[Stuck]:
    """Those among the messages of a month, up to ten thousand of each sort; it reads the month."""
    since, first = _since(now), first_id_at(now - LOOK_BACK)
    found = await _stuck(tx, await store.from_id(tx, first, since, MOST), since)
    unwatched = [Stuck(*key, is_overdue=False) for key in await store.unwatched(tx, first, MOST)]
    return found + unwatched


async def _stuck(tx: Tx, suspects: Sequence[Suspect], since: Since) -> list[Stuck]:
    overdue = [each for each in suspects if each.is_overdue]
    queued = [each.about for each in suspects if not each.is_overdue]
    lost = await lanes.without_job(tx, queued) if queued else []
    # Between the two looks a message may have gone its way, and its job with it.
    keys = [(about.account_id, about.message_id) for about in lost]
    still = await store.still(tx, keys, since) if keys else []
    return [Stuck(each.account_id, each.id, each.is_overdue) for each in [*overdue, *still]]


def _since(now: datetime) -> Since:
    return Since(untouched=now - UNTOUCHED_FOR, overdue=now - GRACE)
