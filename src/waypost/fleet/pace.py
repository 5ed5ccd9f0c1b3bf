"""How many messages a device may send now, and when it is to be looked at again."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from math import ceil, floor

from waypost.devices.pacing import Pacing, day_of
from waypost.fleet.brake import Brake
from waypost.fleet.bucket import Bucket
from waypost.kit.clock import Clock

UNBOUNDED = 1_000_000
_HAIR = 1e-9  # what rounding may take from a whole token


class Pace:
    """Keeps a device within its pacing.

    It begins as if another worker had sent through the device a moment ago, so that a restart or a
    take-over is no way to send more.
    """

    def __init__(
        self,
        pacing: Pacing,
        made_at: datetime,
        clock: Clock,
        random: Callable[[], float],
        sent_today: int = 0,
    ) -> None:
        self.pacing = pacing
        self.has_cap = pacing.daily_cap is not None
        self._made_on = day_of(made_at)
        self._clock = clock
        self._random = random
        self._is_unbounded = pacing == Pacing()
        self._buckets = _buckets(pacing, clock.monotonic())
        self._brake = Brake(pacing.rate)
        self._day, self._sent = self._today(), sent_today
        self._free_at = 0.0
        self._space()

    @property
    def is_free(self) -> bool:
        """Whether nothing bounds it."""
        return self._is_unbounded and self._brake.rate(self._clock.monotonic()) is None

    @property
    def rate(self) -> float:
        """Messages a second while it sends, before any cap of the day."""
        return self._brake.rate(self._clock.monotonic()) or self.pacing.rate

    @property
    def sent_today(self) -> int:
        """What counts towards the day's cap."""
        return self._sent if self._day == self._today() else 0

    def correct(self, sent_today: int) -> None:
        """Go by this count, which was kept."""
        self._day, self._sent = self._today(), sent_today

    def slow(self) -> None:
        """Its transport found it too fast: half as fast from now on, for a while."""
        self._brake.press(self._clock.monotonic())

    def room(self) -> int:
        """How many may go now."""
        if self.is_free:
            return UNBOUNDED
        now = self._clock.monotonic()
        if now < self._free_at or self.rests_until() is not None:
            return 0
        together = UNBOUNDED if self.pacing.spacing is None else 1
        levels = (floor(bucket.level(now) + _HAIR) for bucket in self._bounds(now))
        return max(0, min(together, self._left_today(), *levels))

    def take(self, count: int) -> None:
        """So many go now."""
        if self.is_free:
            return
        now = self._clock.monotonic()
        for bucket in self._bounds(now):
            bucket.take(count, now)
        self.correct(self.sent_today + count)
        self._space()

    def wait(self) -> float:
        """Seconds until there is room; 0 where there is."""
        if self.is_free:
            return 0.0
        if (until := self.rests_until()) is not None:
            return (until - self._clock.now()).total_seconds()
        now = self._clock.monotonic()
        return max(0.0, self._free_at - now, *(bucket.wait(now) for bucket in self._bounds(now)))

    def rests_until(self) -> datetime | None:
        """The end of the quiet hours or of a day whose cap is reached; None while it may send."""
        now = at = self._clock.now()
        if self._left_today() <= 0:
            at = datetime.combine(day_of(now) + timedelta(days=1), time(), UTC)
        quiet = self.pacing.quiet_hours
        if quiet is not None and quiet.cover(at):
            at = quiet.end_after(at)
        return at if at > now else None

    def _bounds(self, now: float) -> list[Bucket]:
        brake = self._brake.bucket(now)
        return self._buckets if brake is None else [*self._buckets, brake]

    def _left_today(self) -> int:
        cap = self.pacing.cap_on(self._today(), self._made_on)
        return UNBOUNDED if cap is None else cap - self.sent_today

    def _today(self) -> date:
        return day_of(self._clock.now())

    def _space(self) -> None:
        if self.pacing.spacing is not None:
            least, most = self.pacing.spacing
            seconds = least + (most - least) * self._random()
            self._free_at = self._clock.monotonic() + seconds


def _buckets(pacing: Pacing, now: float) -> list[Bucket]:
    buckets = []
    if pacing.per_second is not None:
        buckets.append(Bucket.of_second(pacing.per_second, now))
    if pacing.per_minute is not None:
        # One second's messages come together: what a full bucket and a minute's drops make together
        # is the minute's bound.
        burst = ceil(pacing.per_minute / 60)
        buckets.append(Bucket((pacing.per_minute + 1 - burst) / 60, burst, now))
    return buckets
