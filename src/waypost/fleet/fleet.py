"""The devices that this process runs: follows the rows of devices, and keeps their state true."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from waypost.devices import fleet_view
from waypost.devices.model import Device, State
from waypost.drivers.port import Unconfirmed
from waypost.drivers.registry import Makers
from waypost.fleet.ears import Ears
from waypost.fleet.phone import Phone
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.log import get
from waypost.kit.tasks import Spawn
from waypost.messages import unconfirmed

LOOK_SECONDS = 1.0
STOPPED = "The worker that ran it has stopped."

log = get(__name__)


@dataclass(slots=True)
class _Line:
    """A phone and the tasks that serve it; what was last noted of its trouble."""

    phone: Phone
    keeping: asyncio.Task[None]
    listening: asyncio.Task[None]
    noted: str | None = None


class Fleet:
    """Runs the driver of every wanted device, and says which are ready to send."""

    def __init__(self, db: Database, makers: Makers, clock: Clock, spawn: Spawn) -> None:
        self._db = db
        self._makers = makers
        self._clock = clock
        self._spawn = spawn
        self._ears = Ears(db, clock)
        self._lines: dict[int, _Line] = {}
        self._look = asyncio.Event()
        self._turn = asyncio.Lock()
        self._closed = False
        self.pool_ids: frozenset[int] = frozenset()
        self.on_change: Callable[[], None] = _nobody_cares

    def ready(self, pool_id: int) -> list[Phone]:
        """The devices of a pool that can send now."""
        phones = (line.phone for line in self._lines.values())
        return [p for p in phones if p.device.pool_id == pool_id and p.is_ready]

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
        """Note the devices as down, and close their drivers once their sends are done."""
        self._closed = True
        async with self._turn:
            with suppress(DatabaseAway, CommitUnknown):
                await self._db.transact(self._note_stopped)
        await asyncio.gather(*(self._end(line) for line in self._lines.values()))
        self._lines.clear()
        self._ears.close()

    async def _follow(self) -> None:
        if self._closed:
            return
        async with self._db.read() as tx:
            devices = {device.id: device for device in await fleet_view.load(tx)}
            self.pool_ids = frozenset(await fleet_view.pool_ids(tx))
        for id in [id for id, line in self._lines.items() if _is_over(line, devices.get(id))]:
            self._spawn(self._end(self._lines.pop(id)))
        for device in devices.values():
            self._take(device)
        await self._note(devices.values())
        self.on_change()

    def _take(self, device: Device) -> None:
        if line := self._lines.get(device.id):
            line.phone.device = device
        elif device.is_wanted:
            self._lines[device.id] = self._start(device)

    def _start(self, device: Device) -> _Line:
        made = self._makers[device.kind](device.config)
        phone = Phone(device, made, self._sent_before, self._changed)
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
        """Write where a device's row says otherwise than we know.

        That one is up is said again and again, that it is down only once: with another worker it
        may be up.
        """
        known = [(device, self._lines[device.id]) for device in devices if device.id in self._lines]
        up = [d for d, line in known if line.phone.is_up and d.state is not State.CONNECTED]
        down = [line for _, line in known if line.phone.trouble != line.noted]
        told = [(line, line.phone.trouble) for line in down]
        if up or down:
            await self._db.transact(lambda tx: self._write(tx, up, told))
        for line, trouble in told:
            line.noted = trouble

    async def _write(self, tx: Tx, up: list[Device], down: list[tuple[_Line, str | None]]) -> None:
        now = self._clock.now()
        for device in up:
            await fleet_view.connected(tx, device.id, now)
        for line, trouble in down:
            if trouble is not None:
                await fleet_view.dropped(tx, line.phone.device.id, trouble, now)

    async def _note_stopped(self, tx: Tx) -> None:
        # Also what was wanted a moment ago, and not yet looked at.
        for device in await fleet_view.load(tx):
            if device.is_wanted:
                await fleet_view.dropped(tx, device.id, STOPPED, self._clock.now())

    async def _sent_before(self, device_id: int) -> list[Unconfirmed]:
        async with self._db.tx() as tx:
            return await unconfirmed.of_device(tx, device_id, self._clock.now())

    def _changed(self) -> None:
        self._look.set()
        self.on_change()


def _is_over(line: _Line, device: Device | None) -> bool:
    """Whether nobody wants it any more, or it is to be another than it was."""
    known = line.phone.device
    return device is None or not device.is_wanted or device.config != known.config


def _nobody_cares() -> None:
    """Until somebody wants to know."""
