"""How long a message waits after an attempt that did not go."""

from datetime import timedelta

FIRST = timedelta(seconds=1)
LONGEST = timedelta(minutes=5)
_DOUBLINGS = 16  # beyond which every wait is the longest


def delay(attempt: int, random: float) -> timedelta:
    """After attempt 1, 2, 3, …: doubling, and from half to all of it, as `random` (0 to 1) says.

    The jitter keeps messages that failed together from coming back together.
    """
    doublings: int = 2 ** min(attempt - 1, _DOUBLINGS)
    full = min(LONGEST, FIRST * doublings)
    return full * (0.5 + random / 2)
