"""One device whose driver runs in this process."""

import asyncio
from collections.abc import Awaitable, Callable

from waypost.devices.model import Device
from waypost.drivers.port import DeviceDown, Outcome, Outgoing, Unconfirmed
from waypost.drivers.registry import Made
from waypost.kit.errors import Unavailable
from waypost.kit.log import get

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0

log = get(__name__)

SentBefore = Callable[[int], Awaitable[list[Unconfirmed]]]


class Phone:
    """Keeps a device connected: after a drop it tries again, after ever longer pauses."""

    def __init__(
        self,
        device: Device,
        made: Made,
        sent_before: SentBefore,
        on_change: Callable[[], None],
    ) -> None:
        self.device = device
        self.driver = made.driver
        self.window = made.window
        self.in_flight = 0
        self.is_up = False
        self.trouble: str | None = None
        self._sent_before = sent_before
        self._on_change = on_change
        self._unconfirmed: list[Unconfirmed] | None = None
        self._down = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether it takes messages now."""
        return self.is_up and not self.device.is_paused

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Send one message; a drop found on the way takes the device out until it is back."""
        outcome = await self.driver.send(outgoing)
        if isinstance(outcome, DeviceDown):
            self._lose(outcome.reason)
        return outcome

    async def keep(self) -> None:
        """Connect, and again whenever the connection is lost, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            down = await self._connect()
            if down is None:
                pause = FIRST_PAUSE
                await self._stay_up()
            else:
                self.trouble = down.reason
                self._on_change()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _connect(self) -> DeviceDown | None:
        try:
            if self._unconfirmed is None:
                self._unconfirmed = await self._sent_before(self.device.id)
            down = await self.driver.connect(self._unconfirmed)
        except Unavailable:
            return DeviceDown("The database is away.")
        except Exception:
            log.exception("device.connect_failed", device_id=self.device.id)
            return DeviceDown("The driver failed to connect.")
        if down is None:
            # Once connected, the driver knows by itself what it sent.
            self._unconfirmed = []
        return down

    async def _stay_up(self) -> None:
        self._down.clear()
        self.is_up, self.trouble = True, None
        log.info("device.connected", device_id=self.device.id)
        self._on_change()
        await self._down.wait()

    def _lose(self, reason: str) -> None:
        if self.is_up:
            self.is_up, self.trouble = False, reason
            log.warning("device.dropped", device_id=self.device.id, reason=reason)
            self._down.set()
            self._on_change()
