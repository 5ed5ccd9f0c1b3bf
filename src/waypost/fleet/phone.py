"""One device whose driver runs in this process."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from waypost.devices.model import Device, State
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import Accepted, DeviceDown, HeedsStops, Outcome, Retry, Unconfirmed
from waypost.drivers.registry import Made
from waypost.fleet.pace import Pace
from waypost.kit.clock import Clock
from waypost.kit.errors import Unavailable
from waypost.kit.log import get
from waypost.queue import backoff

AT_ONCE = timedelta(0)

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Past:
    """What a device did before: what its receipts are to come for, and its count of the day."""

    unconfirmed: list[Unconfirmed]
    sent_today: int


Recall = Callable[[int], Awaitable[Past]]


class Phone:
    """Keeps a device connected, and its sends within its window and its pacing.

    After a drop it is in quarantine, ever longer until it has sent something again.
    """

    def __init__(
        self,
        device: Device,
        made: Made,
        recall: Recall,
        clock: Clock,
        random: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self.device = device
        self.driver = made.driver
        self.window = made.window
        self.in_flight = 0
        self.used_at = 0.0
        self.is_up = False
        self.trouble: str | None = None
        self._recall = recall
        self._clock = clock
        self._random = random
        self._on_change = on_change
        self._past: Past | None = None
        self._setbacks = 0
        self._pause = 0.0
        self._connections = 0
        self._seen_down = False
        self._trusted_at = device.state_at if device.state is State.CONNECTED else None
        self._down = asyncio.Event()
        self._asked = asyncio.Event()
        self.pace = self._new_pace(sent_today=0)

    @property
    def is_in_service(self) -> bool:
        """Whether it sends, or is being connected for the first time."""
        return not self.device.is_paused and (self.is_up or self.trouble is None)

    @property
    def rest(self) -> datetime | None:
        """Until when its quiet hours, or the cap of its day, keep it from sending."""
        if self._past is None:
            return self.device.rests_until  # as noted before: how much it sent is not read yet
        return self.pace.rests_until()

    def room(self) -> int:
        """How many messages it takes now."""
        return max(0, min(self.window - self.in_flight, self.pace.room())) if self.is_up else 0

    def use(self) -> None:
        """One more is on its way to it."""
        self.in_flight += 1
        self.used_at = self._clock.monotonic()
        self.pace.take(1)

    def follow(self, device: Device) -> None:
        """What its row says now. One that is down, and that somebody connects, tries at once."""
        self.device = device
        if device.pacing != self.pace.pacing:
            self.pace = self._new_pace(self.pace.sent_today)
        if device.state is State.DISCONNECTED:
            self._seen_down = not self.is_up
        elif self._seen_down and not self.is_up:
            self._seen_down, self._setbacks = False, 0
            self._trusted_at = device.state_at
            self._asked.set()
        if self.is_up and (down := self._heed()) is not None:
            self._lose(down)

    def _heed(self) -> DeviceDown | None:
        """Obey what callbacks told, but what is of a time before somebody connected the device."""
        news = [stop for stop in self.device.stops if _is_later(stop.at, self._trusted_at)]
        return self.driver.heed(news) if news and isinstance(self.driver, HeedsStops) else None

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one message; a drop found on the way takes the device out until it is back."""
        if not self.is_up:
            return DeviceDown("The device went down before the message left.")
        connection = self._connections
        outcome = await self.driver.send(outgoing)
        if isinstance(outcome, Accepted):
            self._setbacks = 0
        elif isinstance(outcome, Retry) and outcome.slows:
            self._slow(outcome.message)
        elif isinstance(outcome, DeviceDown) and self.is_up and connection == self._connections:
            self._lose(outcome)
        return outcome

    async def keep(self) -> None:
        """Connect, and again whenever the connection is lost, until cancelled."""
        while True:
            down = await self._connect()
            if down is None:
                await self._stay_up()
            else:
                self._sit_out(down)
            await self._quarantine()

    async def _connect(self) -> DeviceDown | None:
        try:
            if self._past is None:
                self._past = await self._recall(self.device.id)
                self.pace.correct(self._past.sent_today)
            down = await self.driver.connect(self._past.unconfirmed) or self._heed()
        except Unavailable:
            return DeviceDown("The database is away.")
        except Exception:
            log.exception("device.connect_failed", device_id=self.device.id)
            return DeviceDown("The driver failed to connect.")
        if down is None:
            # Once connected, the driver knows by itself what it sent.
            self._past = Past([], 0)
        return down

    async def _stay_up(self) -> None:
        self._down.clear()
        self._connections += 1
        self.is_up, self.trouble, self._seen_down = True, None, False
        log.info("device.connected", device_id=self.device.id)
        self._on_change()
        await self._down.wait()

    def _slow(self, reason: str) -> None:
        self.pace.slow()
        log.warning("device.slowed", device_id=self.device.id, rate=self.pace.rate, reason=reason)

    def _lose(self, down: DeviceDown) -> None:
        self.is_up = False
        log.warning("device.dropped", device_id=self.device.id, reason=down.reason)
        self._sit_out(down)
        self._down.set()

    def _sit_out(self, down: DeviceDown) -> None:
        self._setbacks += 1
        pause = max(backoff.delay(self._setbacks, self._random()), down.after or AT_ONCE)
        self._pause = pause.total_seconds()
        until = f"Next try after {self._pause:.1f} s; setbacks in a row: {self._setbacks}."
        self.trouble = f"{down.reason} {until}"
        self._on_change()

    async def _quarantine(self) -> None:
        self._asked.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pause):
                await self._asked.wait()

    def _new_pace(self, sent_today: int) -> Pace:
        device = self.device
        return Pace(device.pacing, device.created_at, self._clock, self._random, sent_today)


def _is_later(at: datetime, than: datetime | None) -> bool:
    return than is None or at > than
