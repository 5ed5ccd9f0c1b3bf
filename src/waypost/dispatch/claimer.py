"""One pool's loop: claim as much as its devices can take now, mark it, send it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from waypost.devices import days, leases
from waypost.devices.leases import Lease
from waypost.dispatch.chooser import PATIENCE_SECONDS, Chooser, Load, Seating, Seats, Wish
from waypost.dispatch.sender import Sender, count
from waypost.fleet.fleet import Fleet
from waypost.fleet.phone import Phone
from waypost.fleet.tenure import Tenure
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.messages import mark, settle, uncertain
from waypost.messages.model import Status
from waypost.messages.outcomes import Claimed, Marked, Place
from waypost.messages.sticky import Sticky
from waypost.queue import lanes, upkeep
from waypost.queue.model import Job, Lane, Later, lane_of

BATCH = 128
POLL_SECONDS = 0.5
GATHER_SECONDS = 0.02
"""Paced devices are given what falls due within so long together, not one by one."""

LOOK_SECONDS = 5.0
"""How often, while no device takes anything, the lane's head is looked at."""

NO_REPEATER = timedelta(seconds=1)
"""How long a message that only some devices may repeat waits while those are away."""

Phones = Mapping[int, Phone]

log = get(__name__)


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Claimed messages: too late to be sent, without an answer, and to be sent."""

    late: list[Claimed]
    unanswered: list[Claimed]
    due: list[Claimed]


class Claimer:
    """Sends what waits in the lane of a pool under one lease of it, until stopped."""

    def __init__(
        self,
        db: Database,
        lease: Lease,
        tenure: Tenure,
        fleet: Fleet,
        sender: Sender,
        clock: Clock,
        uncertain_after: timedelta,
    ) -> None:
        self._db = db
        self._lease = lease
        self._owner = lease.worker_id
        self._lane: Lane = lane_of(lease.pool_id)
        self._tenure = tenure
        self._fleet = fleet
        self._sender = sender
        self._clock = clock
        self._uncertain_after = uncertain_after
        self._sticky = Sticky()
        self._chooser = Chooser()
        self._wake = asyncio.Event()
        self._stopping = False
        self._look_at = 0.0

    @property
    def waiting(self) -> list[Job]:
        """The jobs that are claimed, and wait for a device of their own."""
        return [each.claimed.job for each in self._chooser.waiting]

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """Claim no more; `run` returns after the round that is under way.

        What is claimed and not marked by then is given back together with the lease.
        """
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Go round until stopped."""
        while not self._stopping:
            self._wake.clear()
            try:
                more = await self._round()
            except (DatabaseAway, CommitUnknown):
                log.warning("claim.waits", pool_id=self._lease.pool_id)
                await asyncio.sleep(POLL_SECONDS)
            except Exception:
                log.exception("claim.failed", pool_id=self._lease.pool_id)
                await asyncio.sleep(POLL_SECONDS)
            else:
                if not more:
                    await self._rest()

    async def _rest(self) -> None:
        """Until the bell, until there is room, or until a device's pacing gives it some."""
        phones = self._fleet.in_service(self._lease.pool_id)
        paces = [p.pace.wait() for p in phones if p.in_flight < p.window]
        if phones and not any(phone.pace.is_free for phone in phones):
            await asyncio.sleep(GATHER_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(min([POLL_SECONDS, *filter(None, paces)])):
                await self._wake.wait()

    async def _round(self) -> bool:
        """Send a batch; says whether there may be more for devices that have room."""
        if not self._tenure.is_safe(self._lease):
            return False  # until a beat comes through: what is marked now could not be sent
        phones = {phone.device.id: phone for phone in self._fleet.in_service(self._lease.pool_id)}
        seats = Seats({id: _load(phone) for id, phone in phones.items()})
        await self._send(self._chooser.seat_waiting(seats, self._clock.monotonic()), phones)
        asked = min(BATCH, seats.left)
        if not asked:
            return await self._look_at_head(phones)
        self._look_at = self._clock.monotonic() + LOOK_SECONDS
        claimed = await self._claim(asked, learn=len(phones) > 1)
        found = self._sort(claimed, phones)
        await self._end(found)
        wishes = [self._wish(each) for each in found.due]
        await self._send(self._chooser.seat(seats, wishes, self._clock.monotonic()), phones)
        return len(claimed) == asked

    async def _claim(self, most: int, *, learn: bool) -> list[Claimed]:
        async def claim(tx: Tx) -> list[Claimed]:
            if not await leases.hold(tx, self._lease):
                return []
            jobs = await lanes.claim(tx, self._owner, self._lane, most)
            claimed = await mark.load(tx, jobs) if jobs else []
            if claimed and learn:
                texts = [each.text for each in claimed]
                await self._sticky.learn(tx, texts, self._clock.now())
            return claimed

        return await self._db.transact(claim)

    def _wish(self, claimed: Claimed) -> Wish:
        """Its device, for which it waits no longer than it lives."""
        left = (claimed.text.expires_at - self._clock.now()).total_seconds()
        until = self._clock.monotonic() + min(PATIENCE_SECONDS, left)
        return Wish(claimed, self._sticky.wish(claimed.text), until)

    async def _send(self, seating: Seating, phones: Phones) -> None:
        if seating.seated and not self._stopping:
            places = [
                Place(claimed, id, may_repeat=phones[id].driver.deduplicates)
                for claimed, id in seating.seated
            ]
            for marked in await self._mark(places, phones):
                self._sticky.note(marked.claimed.text, marked.device_id)
                self._sender.send(self._lease, phones[marked.device_id], marked)
        if seating.back:
            jobs = [each.job for each in seating.back]
            await self._db.transact(lambda tx: lanes.release_jobs(tx, self._owner, jobs))

    async def _mark(self, places: Sequence[Place], phones: Phones) -> list[Marked]:
        """Mark what may be sent. After a lost answer it is not sent, whether marked or not."""
        marked: list[Marked] = []

        async def work(tx: Tx) -> None:
            marked[:] = await mark.mark(tx, self._lease, places, self._clock.now())
            await self._retry(tx, places, marked)
            await self._count(tx, marked, phones)

        try:
            await self._db.transact(work)
        except CommitUnknown:
            for each in marked:
                self._sender.withhold(self._lease, phones[each.device_id], each)
            raise
        return marked

    async def _retry(self, tx: Tx, places: Sequence[Place], marked: Sequence[Marked]) -> None:
        """What was refused and is not over may have left before: it comes again, for a device
        whose network drops repeats."""
        done = {each.claimed.job.id for each in marked}
        jobs = [place.claimed.job for place in places if place.claimed.job.id not in done]
        if jobs:
            await lanes.retry(tx, self._owner, [Later(job, NO_REPEATER) for job in jobs])

    async def _count(self, tx: Tx, marked: Sequence[Marked], phones: Phones) -> None:
        """Keep what counts towards the caps of days."""
        sent = Counter(each.device_id for each in marked if phones[each.device_id].pace.has_cap)
        if sent:
            await days.count(tx, sent, self._clock.now())

    async def _look_at_head(self, phones: Phones) -> bool:
        """While no device takes anything, what waits at the lane's head still ends in time."""
        if self._clock.monotonic() < self._look_at:
            return False
        async with self._db.tx() as tx:
            head = await mark.load(tx, await upkeep.head(tx, self._lane, BATCH))
        found = self._sort(head, phones)
        await self._end(found)
        if len(found.late) < BATCH:
            self._look_at = self._clock.monotonic() + LOOK_SECONDS
        return len(found.late) == BATCH

    async def _end(self, found: _Sorted) -> None:
        """Expire what is late, and give up what has been without an answer for too long."""
        if found.late:
            count(
                Status.EXPIRED,
                await self._db.transact(lambda tx: settle.expire(tx, found.late, self._clock)),
            )
        if found.unanswered:
            count(Status.UNCERTAIN, await self._db.transact(lambda tx: self._ask(tx, found)))

    async def _ask(self, tx: Tx, found: _Sorted) -> int:
        return await uncertain.look(
            tx, self._owner, found.unanswered, self._clock, self._uncertain_after
        )

    def _sort(self, claimed: Sequence[Claimed], phones: Phones) -> _Sorted:
        now = self._clock.now()
        found = _Sorted([], [], [])
        for each in claimed:
            if each.waits_for_news(now) or self._is_given_up(each, now, phones):
                found.unanswered.append(each)
            elif each.text.status is Status.QUEUED and each.text.expires_at <= now:
                found.late.append(each)
            else:
                found.due.append(each)
        return found

    def _is_given_up(self, each: Claimed, now: datetime, phones: Phones) -> bool:
        """Whether it may go again, but for so long only by devices that do not drop repeats."""
        marked_at = each.text.marked_at
        if each.text.status is not Status.SENDING or marked_at is None:
            return False
        can_repeat = not phones or any(p.driver.deduplicates for p in phones.values())
        return not can_repeat and marked_at + self._uncertain_after <= now


def _load(phone: Phone) -> Load:
    room = phone.room()
    rests = room == 0 and phone.pace.wait() > PATIENCE_SECONDS
    soon = min(2.0 * phone.window, phone.pace.rate * PATIENCE_SECONDS)
    return Load(phone.in_flight, room, 0 if rests else max(1, int(soon)), phone.used_at)
