"""Time-sortable ids: UUIDv7 (RFC 9562, section 5.7) behind the prefixes of the contract."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from waypost.kit.clock import Clock

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62
_COUNTER_BITS = 12
_LAST_MILLISECOND = 2**48 - 1
_BLOCK = 4096
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Ids:
    """Makes ids that grow within this process, even many in one millisecond."""

    def __init__(self, clock: Clock, random: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._random = random
        self._last = 0
        self._block, self._used = b"", _BLOCK

    def new(self) -> UUID:
        """The next id: 48 bits of milliseconds, a 12-bit counter in `rand_a`, 62 random bits."""
        tick = _milliseconds(self._clock.now()) << _COUNTER_BITS
        self._last = tick if tick > self._last else self._last + 1
        tail = int.from_bytes(self._eight_bytes()) >> 2
        high = self._last >> _COUNTER_BITS << 80
        counter = (self._last & 0xFFF) << 64
        return UUID(int=high | _VERSION_7 | counter | _VARIANT | tail)

    def _eight_bytes(self) -> bytes:
        """Random bytes, drawn from the system a block at a time."""
        if self._used == _BLOCK:
            self._block, self._used = self._random(_BLOCK), 0
        self._used += 8
        return self._block[self._used - 8 : self._used]


def show(prefix: str, id: UUID) -> str:
    """The id as the contract shows it, such as `msg_0192…`."""
    return f"{prefix}_{id.hex}"


def parse(prefix: str, text: str) -> UUID | None:
    """The id behind a shown one, or None where it cannot be one."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    id = UUID(hex=digits)
    return id if id.version == 7 else None


def first_id_at(at: datetime, slack: timedelta = timedelta(0)) -> UUID:
    """The lowest id so long after this moment: a time bound for queries that prune partitions."""
    moment = _milliseconds(at) + slack // _MILLISECOND
    return UUID(int=min(max(moment, 0), _LAST_MILLISECOND) << 80)


def ids_near(id: UUID, slack: timedelta) -> tuple[UUID, UUID]:
    """The first and the last id of the time around this one's: a bound for those made with it."""
    moment, around = id.int >> 80, slack // _MILLISECOND
    first, last = max(moment - around, 0), min(moment + around, _LAST_MILLISECOND)
    return UUID(int=first << 80), UUID(int=(last + 1 << 80) - 1)


def _milliseconds(at: datetime) -> int:
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
