"""Holds a device back for a while after its transport found it too fast."""

from waypost.fleet.bucket import Bucket

LEAST = 1.0
"""So many messages a second a device keeps, if it may ever send so many."""

FASTEST = 1000.0
"""From where a device is slowed down that has no bound of its own: no transport takes more."""

EASE_SECONDS = 60.0
EASINGS = 10
"""How long it takes to give back so small a part of the full rate."""


class Brake:
    """Each press halves the rate; each quiet minute gives a tenth of the full rate back."""

    def __init__(self, full: float) -> None:
        self._full = min(full, FASTEST)
        self._held = self._full
        self._pressed_at = 0.0
        self._bucket: Bucket | None = None

    def press(self, now: float) -> None:
        """Half as fast from now on, but not slower than the least."""
        rate = self.rate(now) or self._full
        self._held = max(min(LEAST, self._full), rate / 2)
        self._pressed_at = now

    def rate(self, now: float) -> float | None:
        """How many messages a second it allows; None while it is off."""
        quiet = (now - self._pressed_at) // EASE_SECONDS
        eased = self._held + quiet * self._full / EASINGS
        return eased if eased < self._full else None

    def bucket(self, now: float) -> Bucket | None:
        """What the device's messages are taken from; None while it is off."""
        rate = self.rate(now)
        if rate is None:
            self._bucket = None
        elif self._bucket is None or self._bucket.rate != rate:
            self._bucket = Bucket.of_second(rate, now)
        return self._bucket
