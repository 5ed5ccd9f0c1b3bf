"""The devices that this process runs: those of the pools that it carries, as their rows say."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from waypost.devices import days, fleet_view, leases
from waypost.devices.model import Device, State
from waypost.drivers.port import Driver
from waypost.drivers.registry import Makers
from waypost.fleet.ears import Ears
from waypost.fleet.phone import Past, Phone
from waypost.fleet.tenure import Tenure
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.kit.tasks import Spawn
from waypost.messages import unconfirmed

LOOK_SECONDS = 1.0

log = get(__name__)


@dataclass(slots=True)
class _Line:
    """A phone and the tasks that serve it; what was last noted of its trouble."""

    phone: Phone
    keeping: asyncio.Task[None]
    listening: asyncio.Task[None]
    noted: str | None = None


class Fleet:
    """Runs the driver of every wanted device of our pools, and says which are ready to send."""

    def __init__(
        self,
        db: Database,
        makers: Makers,
        tenure: Tenure,
        clock: Clock,
        random: Callable[[], float],
        spawn: Spawn,
    ) -> None:
        self._db = db
        self._makers = makers
        self._tenure = tenure
        self._clock = clock
        self._random = random
        self._spawn = spawn
        self._ears = Ears(db, clock)
        self._lines: dict[int, _Line] = {}
        self._ends: set[asyncio.Task[None]] = set()
        self._look = asyncio.Event()
        self._turn = asyncio.Lock()
        self._closed = False
        self.on_change: Callable[[], None] = _nobody_cares

    def in_service(self, pool_id: int) -> list[Phone]:
        """The devices of a pool that send, or are about to."""
        phones = (line.phone for line in self._lines.values())
        return [p for p in phones if p.device.pool_id == pool_id and p.is_in_service]

    def drivers(self) -> dict[int, Driver]:
        """Those of the devices that are up, by device."""
        return {id: line.phone.driver for id, line in self._lines.items() if line.phone.is_up}

    def look(self) -> None:
        """Our pools have changed."""
        self._look.set()

    async def let_go(self, pool_id: int) -> None:
        """Close the drivers of a pool that is to be given away, once their sends are done."""
        async with self._turn:
            lines = [n for n in self._lines.values() if n.phone.device.pool_id == pool_id]
            for line in lines:
                del self._lines[line.phone.device.id]
        await asyncio.gather(*(self._end(line) for line in lines))

    async def hear(self) -> None:
        """Hand on what the devices tell, until closed and all is written."""
        await self._ears.run()

    async def run(self) -> None:
        """Follow the rows until closed."""
        while not self._closed:
            self._look.clear()
            try:
                async with self._turn:
                    await self._follow()
            except (DatabaseAway, CommitUnknown):
                log.warning("fleet.waits")
            except Exception:
                log.exception("fleet.failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._look.wait()

    async def close(self) -> None:
        """Close what drivers are left, once their sends are done, and hear no more."""
        self._closed = True
        async with self._turn:
            lines = list(self._lines.values())
            self._lines.clear()
        await asyncio.gather(*self._ends, *(self._end(line) for line in lines))
        self._ears.close()

    async def _follow(self) -> None:
        if self._closed:
            return
        async with self._db.read() as tx:
            found = await fleet_view.load(tx, self._tenure.held, self._clock.now())
        devices = {device.id: device for device in found}
        for id in [id for id, line in self._lines.items() if _is_over(line, devices.get(id))]:
            ending = self._spawn(self._end(self._lines.pop(id)))
            self._ends.add(ending)
            ending.add_done_callback(self._ends.discard)
        for device in devices.values():
            self._take(device)
        await self._note(devices.values())
        self.on_change()

    def _take(self, device: Device) -> None:
        if line := self._lines.get(device.id):
            line.phone.follow(device)
        elif device.is_wanted and self._is_kept(device):
            self._lines[device.id] = self._start(device)

    def _is_kept(self, device: Device) -> bool:
        held = self._tenure.held.get(device.pool_id)
        return held is not None and not held.is_ending

    def _start(self, device: Device) -> _Line:
        made = self._makers[device.kind](device.id, device.config, device.sealed)
        phone = Phone(device, made, self._recall, self._clock, self._random, self._changed)
        listening = self._spawn(self._ears.listen(made.driver))
        return _Line(phone, self._spawn(phone.keep()), listening)

    async def _end(self, line: _Line) -> None:
        line.keeping.cancel()
        line.phone.is_up = False
        try:
            await line.phone.driver.close()
        except Exception:
            log.exception("device.close_failed", device_id=line.phone.device.id)
            line.listening.cancel()
        await asyncio.wait([line.keeping, line.listening])

    async def _note(self, devices: Iterable[Device]) -> None:
        """Write where a device's row says otherwise than we know, that one is down only once."""
        known = [(device, self._lines[device.id]) for device in devices if device.id in self._lines]
        up = [d for d, line in known if line.phone.is_up and d.state is not State.CONNECTED]
        down = [line for _, line in known if line.phone.trouble != line.noted]
        told = [(line, line.phone.trouble) for line in down]
        rests = [(d, until) for d, line in known if (until := line.phone.rest) != d.rests_until]
        if up or down or rests:
            await self._db.transact(lambda tx: self._write(tx, up, told, rests))
        for line, trouble in told:
            line.noted = trouble

    async def _write(
        self,
        tx: Tx,
        up: list[Device],
        down: list[tuple[_Line, str | None]],
        rests: list[tuple[Device, datetime | None]],
    ) -> None:
        """Only of pools that are still ours: elsewhere they are another worker's to tell of."""
        now = self._clock.now()
        pool_ids = {d.pool_id for d in up} | {d.pool_id for d, _ in rests}
        pool_ids |= {line.phone.device.pool_id for line, _ in down}
        ours = {id for id in sorted(pool_ids) if await self._is_ours(tx, id)}
        for device in up:
            if device.pool_id in ours:
                await fleet_view.connected(tx, device.id, now)
        for line, trouble in down:
            if trouble is not None and line.phone.device.pool_id in ours:
                await fleet_view.dropped(tx, line.phone.device.id, trouble, now)
        for device, until in rests:
            if device.pool_id in ours:
                await fleet_view.rests(tx, device.id, until)

    async def _is_ours(self, tx: Tx, pool_id: int) -> bool:
        held = self._tenure.held.get(pool_id)
        return held is not None and await leases.hold(tx, held.lease)

    async def _recall(self, device_id: int) -> Past:
        now = self._clock.now()
        async with self._db.tx() as tx:
            sent_today = await days.sent(tx, device_id, now)
            return Past(await unconfirmed.of_device(tx, device_id, now), sent_today)

    def _changed(self) -> None:
        self._look.set()
        self.on_change()


def _is_over(line: _Line, device: Device | None) -> bool:
    """Whether nobody wants it any more, or it is to be another than it was."""
    known = line.phone.device
    return (
        device is None
        or not device.is_wanted
        or (device.config, device.sealed) != (known.config, known.sealed)
    )


def _nobody_cares() -> None:
    """Until somebody wants to know."""
