"""What is stopped, and for how long: plain memory, bounded."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from waypost.kit.clock import Clock

T = TypeVar("T")

MOST = 10_000
"""How many things of one sort are remembered; beyond it those that were touched longest ago go."""


class Stops(Generic[T]):
    """What is stopped, each with what is to be said of it until its time is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped: OrderedDict[Hashable, tuple[T, float]] = OrderedDict()

    def put(self, what: Hashable, said: T, seconds: float) -> None:
        """Stop it for so long from now."""
        self._stopped[what] = said, self._clock.monotonic() + seconds
        self._stopped.move_to_end(what)
        if len(self._stopped) > MOST:
            self._stopped.popitem(last=False)

    def of(self, what: Hashable) -> tuple[T, float] | None:
        """What is said of it and the seconds that are left; None where it is not stopped."""
        found = self._stopped.get(what)
        if found is None:
            return None
        said, until = found
        left = until - self._clock.monotonic()
        if left <= 0:
            del self._stopped[what]
            return None
        return said, left

    def lift(self, what: Hashable) -> None:
        """It may go on."""
        self._stopped.pop(what, None)


class Doubling:
    """A wait that grows with each fault in a row; faults within one wait are one.

    `after(n)` is the wait in seconds after the n-th, from 0.
    """

    __slots__ = ("_after", "_clock", "_faults", "_until")

    def __init__(self, clock: Clock, after: Callable[[int], float]) -> None:
        self._clock = clock
        self._after = after
        self._faults = 0
        self._until = 0.0

    def left(self) -> float:
        """Seconds until it may go on; 0 where it may."""
        return max(0.0, self._until - self._clock.monotonic())

    def fault(self) -> bool:
        """It went wrong; whether that is news."""
        if self.left() > 0:
            return False
        self._until = self._clock.monotonic() + self._after(self._faults)
        self._faults += 1
        return True

    def passed(self) -> None:
        """It went well."""
        self._faults = 0

    @property
    def is_clear(self) -> bool:
        """Whether nothing went wrong since it last went well."""
        return not self._faults


PAIR_SECONDS = 6.0
PAIR_BURST = 10.0
_LONGEST_EXPONENT = 6  # 4096 seconds
_HAIR = 1e-6  # what rounding may take from a whole token


def _quadrupling(faults: int) -> float:
    return 4.0 ** min(faults, _LONGEST_EXPONENT)


@dataclass(slots=True)
class _Pair:
    tokens: float
    at: float
    faults: Doubling


class Pairs:
    """How soon one number may write to each recipient again: one message in six seconds, of which
    ten may come at once; and 4^X seconds after the provider's X-th complaint in a row, from 0."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pairs: OrderedDict[str, _Pair] = OrderedDict()

    def left(self, to: str) -> float:
        """Seconds until one more may go to this recipient; 0 where it may."""
        pair = self._pairs.get(to)
        if pair is None:
            return 0.0
        self._drip(pair)
        left = max(pair.faults.left(), (1 - pair.tokens) * PAIR_SECONDS)
        return left if left > _HAIR else 0.0

    def take(self, to: str) -> None:
        """One goes."""
        pair = self._pair(to)
        self._drip(pair)
        pair.tokens -= 1

    def fault(self, to: str) -> float:
        """It was too much; for how many seconds it rests."""
        pair = self._pair(to)
        pair.faults.fault()
        return pair.faults.left()

    def passed(self, to: str) -> None:
        """It was not too much."""
        self._pair(to).faults.passed()

    def _pair(self, to: str) -> _Pair:
        pair = self._pairs.get(to)
        if pair is None:
            self._forget()
            faults = Doubling(self._clock, _quadrupling)
            pair = self._pairs[to] = _Pair(PAIR_BURST, self._clock.monotonic(), faults)
        self._pairs.move_to_end(to)
        return pair

    def _forget(self) -> None:
        """Make room: two that are as if nobody had written to them, or the oldest of too many."""
        for _ in range(2):
            if self._pairs and self._is_over(next(iter(self._pairs.values()))):
                self._pairs.popitem(last=False)
        if len(self._pairs) >= MOST:
            self._pairs.popitem(last=False)

    def _is_over(self, pair: _Pair) -> bool:
        self._drip(pair)
        return pair.tokens >= PAIR_BURST and pair.faults.is_clear

    def _drip(self, pair: _Pair) -> None:
        now = self._clock.monotonic()
        pair.tokens = min(PAIR_BURST, pair.tokens + (now - pair.at) / PAIR_SECONDS)
        pair.at = now
