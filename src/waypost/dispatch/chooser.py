"""Which devices carry the next messages."""

import heapq
from collections.abc import Mapping


def least_loaded(in_flight: Mapping[int, int], window: int, most: int) -> list[int]:
    """A device for each of the next messages, up to `most`: always the one with least in flight.

    No device gets more than `window` in flight; fewer are returned when all are full.
    """
    heap = [(load, device) for device, load in in_flight.items() if load < window]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < most:
        load, device = heap[0]
        chosen.append(device)
        if load + 1 < window:
            heapq.heapreplace(heap, (load + 1, device))
        else:
            heapq.heappop(heap)
    return chosen
