"""Which device carries which message: the one that its recipient knows, else the least loaded."""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from waypost.messages.outcomes import Claimed

PATIENCE_SECONDS = 5.0
"""How long a message waits for the device that its recipient knows."""


@dataclass(frozen=True, slots=True)
class Load:
    """A device in one moment.

    What it has in flight, how much more it takes now, how many messages may wait until it takes
    more, and when it was last used.
    """

    in_flight: int
    room: int
    queue: int = 0
    used_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A claimed message, the device that should carry it, and until when it waits for that one."""

    claimed: Claimed
    device_id: int | None
    until: float


@dataclass(slots=True)
class Seating:
    """The messages that go now, each by a device; and those for which there is no room at all."""

    seated: list[tuple[Claimed, int]] = field(default_factory=list)
    back: list[Claimed] = field(default_factory=list)


class Seats:
    """The room of a pool's devices, given away in one round."""

    def __init__(self, loads: Mapping[int, Load]) -> None:
        self._loads = loads
        self._taken: Counter[int] = Counter()
        self._heap = [(each.in_flight, each.used_at, id) for id, each in loads.items() if each.room]
        heapq.heapify(self._heap)
        self.left = sum(load.room for load in loads.values())

    def take(self, device_id: int) -> bool:
        """Take a seat of this device, if it has one."""
        load = self._loads.get(device_id)
        if load is None or self._taken[device_id] >= load.room:
            return False
        self._taken[device_id] += 1
        self.left -= 1
        return True

    def take_least_loaded(self) -> int | None:
        """Take a seat of the device with least in flight; of equals the one that rested longest."""
        while self._heap:
            in_flight, used_at, device_id = self._heap[0]
            now = self._loads[device_id].in_flight + self._taken[device_id]
            if now == in_flight and self.take(device_id):
                return device_id
            if self._taken[device_id] < self._loads[device_id].room:
                heapq.heapreplace(self._heap, (now, used_at, device_id))
            else:
                heapq.heappop(self._heap)
        return None

    def queue(self, device_id: int) -> int:
        """How many messages may wait for this device."""
        load = self._loads.get(device_id)
        return 0 if load is None else load.queue


class Chooser:
    """Seats messages, and keeps those that wait for a device, within their time and its queue."""

    def __init__(self) -> None:
        self.waiting: list[Wish] = []

    def seat_waiting(self, seats: Seats, now: float) -> Seating:
        """Seat what waited, before anything that is claimed later."""
        waiting, self.waiting = self.waiting, []
        return self.seat(seats, waiting, now)

    def seat(self, seats: Seats, wishes: Sequence[Wish], now: float) -> Seating:
        """Seat these, in their order; some begin to wait."""
        seating = Seating()
        queues = Counter(each.device_id for each in self.waiting)
        for each in wishes:
            wanted = each.device_id
            if wanted is not None and seats.take(wanted):
                seating.seated.append((each.claimed, wanted))
            elif wanted is not None and now < each.until and queues[wanted] < seats.queue(wanted):
                queues[wanted] += 1
                self.waiting.append(each)
            elif (device_id := seats.take_least_loaded()) is not None:
                seating.seated.append((each.claimed, device_id))
            else:
                seating.back.append(each.claimed)
        return seating
