"""How fast a number may write, and how fast to one user."""

import time
from collections import defaultdict, deque

PAIR_SECONDS, PAIR_BURST = 6.0, 45


class Limits:
    """Counts what was taken: in the last second of a number, and ahead of time of a pair."""

    def __init__(self) -> None:
        self._taken: dict[str, deque[float]] = defaultdict(deque)
        self._paid_until: dict[tuple[str, str], float] = {}

    def allows_number(self, number: str, mps: int) -> bool:
        """Whether the number takes one more in this second; counts it when it does."""
        now, taken = time.monotonic(), self._taken[number]
        while taken and taken[0] <= now - 1:
            taken.popleft()
        if len(taken) >= mps:
            return False
        taken.append(now)
        return True

    def allows_pair(self, number: str, to: str) -> bool:
        """Whether this user may be written to now: a burst borrows from the seconds to come."""
        now = time.monotonic()
        paid = max(now, self._paid_until.get((number, to), 0.0)) + PAIR_SECONDS
        if paid - now > PAIR_BURST * PAIR_SECONDS:
            return False
        self._paid_until[number, to] = paid
        return True
