"""Which pools this worker carries: beats for its leases, takes its share, gives the rest away."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from math import inf
from uuid import UUID

from waypost.devices import leases
from waypost.devices.leases import Lease
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.kit.tasks import Spawn

LOOK_SECONDS = 1.0
BEATS = 4
"""So many beats fit into a lease, so that a late one does not end it."""

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """A pool that we carry. Once `Clock.boottime` is past the deadline another may carry it.

    Of one that is ending nothing more is claimed.
    """

    lease: Lease
    deadline: float
    is_ending: bool


class Tenure:
    """Carries as many pools as is this worker's share: all workers carry equally many.

    A pool is given away in good order: `let_go` ends its work first, within `patience` seconds.
    """

    def __init__(
        self,
        db: Database,
        worker_id: UUID,
        clock: Clock,
        spawn: Spawn,
        lease_seconds: float,
        patience: float,
    ) -> None:
        self._db = db
        self._worker_id = worker_id
        self._clock = clock
        self._spawn = spawn
        self._life = timedelta(seconds=lease_seconds)
        self._beat_every = lease_seconds / BEATS
        self._patience = patience
        self._beat_at = 0.0
        self._ending: set[Lease] = set()
        self._ended: list[Lease] = []
        self._look = asyncio.Event()
        self._leaving = False
        self._said_leaving = False
        self._left = asyncio.Event()
        self.held: Mapping[int, Held] = {}
        self.on_change: Callable[[], None] = _nobody_cares
        self.let_go: Callable[[int], Awaitable[None]] = _nothing_to_end

    def is_safe(self, lease: Lease) -> bool:
        """Whether no other worker can carry the pool now: what was marked for it may be sent."""
        return self._clock.boottime() < self.deadline(lease)

    def deadline(self, lease: Lease) -> float:
        """Until when, by `Clock.boottime`, no other worker carries the pool; past if it is lost."""
        held = self.held.get(lease.pool_id)
        return held.deadline if held is not None and held.lease == lease else -inf

    def hear(self, _: str) -> None:
        """Pools became free, somewhere."""
        self._look.set()

    async def run(self) -> None:
        """Beat and share until we have left."""
        while not self._left.is_set():
            self._look.clear()
            try:
                await self._round()
            except (DatabaseAway, CommitUnknown):
                log.warning("tenure.waits")
            except Exception:
                log.exception("tenure.failed")
            if not self._left.is_set():
                await self._rest()

    async def leave(self) -> None:
        """Take no more, give every pool away, and be no worker any more."""
        self._leaving = True
        self._look.set()
        await self._left.wait()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(LOOK_SECONDS, self._beat_every)):
                await self._look.wait()

    async def _round(self) -> None:
        # That we leave is said at once: the others share what we give away without us.
        if self._clock.boottime() >= self._beat_at or self._leaving > self._said_leaving:
            await self._beat()
        for lease in list(self._ended):
            await self._give(lease)
        await self._share()
        if self._leaving and not self.held:
            await self._db.transact(lambda tx: leases.leave(tx, self._worker_id))
            self._left.set()

    async def _beat(self) -> None:
        now, leaving = self._clock.boottime(), self._leaving

        async def beat(tx: Tx) -> list[Lease]:
            return await leases.beat(tx, self._worker_id, self._life, is_leaving=leaving)

        renewed = await self._db.transact(beat)
        self._beat_at, self._said_leaving = now + self._beat_every, leaving
        for lost in {held.lease for held in self.held.values()} - set(renewed):
            log.warning("pool.lost", pool_id=lost.pool_id)
            self._ending.discard(lost)
        self._hold(self._from(now, renewed))

    async def _share(self) -> None:
        async with self._db.read() as tx:
            seen = await leases.look(tx, self._worker_id)
        share = 0 if self._leaving else seen.share
        kept = sorted(id for id, held in self.held.items() if not held.is_ending)
        for pool_id in kept[share:]:
            self._end(self.held[pool_id].lease)
        if seen.free and len(self.held) < share:
            await self._take(share - len(self.held))

    async def _take(self, most: int) -> None:
        now = self._clock.boottime()
        taken = await self._db.transact(
            lambda tx: leases.take(tx, self._worker_id, self._life, most)
        )
        for lease in taken:
            log.info("pool.taken", pool_id=lease.pool_id, epoch=lease.epoch)
        self._hold({**self.held, **self._from(now, taken)})

    def _end(self, lease: Lease) -> None:
        """Begin to give a pool away."""
        self._ending.add(lease)
        held = self.held[lease.pool_id]
        self._hold({**self.held, lease.pool_id: Held(lease, held.deadline, is_ending=True)})
        self._spawn(self._let_go(lease))

    async def _let_go(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self.let_go(lease.pool_id)
        except TimeoutError:
            # It stays `Sending`; who takes over finds it so.
            log.warning("pool.left_under_way", pool_id=lease.pool_id)
        self._ended.append(lease)
        self._look.set()

    async def _give(self, lease: Lease) -> None:
        given = await self._db.transact(lambda tx: leases.give(tx, lease))
        kept = {id: held for id, held in self.held.items() if held.lease != lease}
        if given:
            log.info("pool.given", pool_id=lease.pool_id)
        elif len(kept) < len(self.held):
            return  # a last transaction of ours uses it: again with the next round
        self._ended.remove(lease)
        self._ending.discard(lease)
        self._hold(kept)

    def _from(self, now: float, these: list[Lease]) -> dict[int, Held]:
        """These leases, which last from a moment before they were asked for."""
        deadline = now + self._life.total_seconds()
        return {each.pool_id: Held(each, deadline, each in self._ending) for each in these}

    def _hold(self, held: Mapping[int, Held]) -> None:
        changed = _without_deadlines(held) != _without_deadlines(self.held)
        self.held = held
        if changed:
            self.on_change()


def _without_deadlines(held: Mapping[int, Held]) -> dict[Lease, bool]:
    return {each.lease: each.is_ending for each in held.values()}


def _nobody_cares() -> None:
    """Until somebody wants to know."""


async def _nothing_to_end(_: int) -> None:
    """Until somebody works for the pools."""
