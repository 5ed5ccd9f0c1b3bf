"""Which devices carry the next messages."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What a device has in flight, and how much it may have."""

    in_flight: int
    window: int

    @property
    def is_full(self) -> bool:
        return self.in_flight >= self.window


def least_loaded(loads: Mapping[int, Load], most: int) -> list[int]:
    """A device for each of the next messages, up to `most`: always the one with least in flight.

    No device gets more than its window; fewer are returned when all are full.
    """
    heap = [(load.in_flight, device) for device, load in loads.items() if not load.is_full]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < most:
        in_flight, device = heap[0]
        chosen.append(device)
        if in_flight + 1 < loads[device].window:
            heapq.heapreplace(heap, (in_flight + 1, device))
        else:
            heapq.heappop(heap)
    return chosen
