"""A bucket of tokens: what bounds a rate."""

BURST_SECONDS = 0.1
"""So much of a second's messages come together at most."""


class Bucket:
    """Tokens that drip at `rate` a second, kept up to `burst`; empty at first."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self._burst = burst
        self._level = 0.0
        self._at = now

    @classmethod
    def of_second(cls, rate: float, now: float) -> "Bucket":
        """One that keeps to so many a second, spread over it."""
        return cls(rate, max(1.0, rate * BURST_SECONDS), now)

    def level(self, now: float) -> float:
        """How many there are."""
        return min(self._burst, self._level + (now - self._at) * self.rate)

    def take(self, count: int, now: float) -> None:
        """Take so many of them."""
        self._level, self._at = self.level(now) - count, now

    def wait(self, now: float) -> float:
        """Seconds until there is one."""
        return max(0.0, (1 - self.level(now)) / self.rate)
