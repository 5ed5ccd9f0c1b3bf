"""How many go before a message: counted as far as 1,000, estimated further back."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

EXACT_UP_TO = 1000

SAMPLES = 12
SAMPLE_SIZE = 100

Curve = Sequence[tuple[int, float]]
"""How many go before a priority, for some priorities from high to low."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The few jobs of a lane at a priority and below: how many are due, and the last one's."""

    priority: int
    due: int
    last: int

    @property
    def density(self) -> float:
        """Due jobs in a step of priority."""
        return self.due / (self.priority - self.last + 1)


class Ahead:
    """What is due in a lane: by a count as far as a curve begins, by the curve from there on."""

    def __init__(self, due: Sequence[int], curve: Curve = ()) -> None:
        self._due = sorted(-priority for priority in due)
        self._curve = curve

    def of(self, priority: int) -> int:
        """How many go before what is queued at this priority now: equal ones do."""
        if not self._curve or priority > self._curve[0][0]:
            return bisect_right(self._due, -priority)
        for (high, fewer), (low, more) in pairwise(self._curve):
            if priority >= low:
                return round(fewer + (more - fewer) * (high - priority) / max(1, high - low))
        return round(self._curve[-1][1])


def cuts(edge: int, lowest: int) -> list[int]:
    """Where to cut what lies between two priorities: the closer to the edge, the finer.

    Flows are in front as long as they have anything, so a lane is densest there.
    """
    reach = edge - lowest
    return [edge - 1, *(edge - 1 - (reach >> n) for n in reversed(range(SAMPLES)))]


def middles(cuts: Sequence[int]) -> list[int]:
    """Where to take a sample of each part."""
    return [(high + low) // 2 for high, low in pairwise(cuts)]


def curve(counted: int, cuts: Sequence[int], samples: Sequence[Sample]) -> Curve:
    """From a count at the first cut on, as the samples of the parts say."""
    count = float(counted)
    known = [(cuts[0], count)]
    for (high, low), sample in zip(pairwise(cuts), samples, strict=True):
        count += sample.density * (high - low)
        known.append((low, count))
    return known


def place(before: int, in_chain: int) -> int:
    """The place (1 = next) behind so many that are due, and so many of its own chain.

    Of its chain all but the first are parked: they are not among those that are due.
    """
    return 1 + max(before + max(in_chain - 1, 0), in_chain)
