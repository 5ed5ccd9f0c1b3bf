"""What arrives while a batch is being written is written together next."""

import asyncio
from collections.abc import Sequence

import pytest

from waypost.kit import batches
from waypost.kit.batches import Batches
from waypost.kit.db import CommitUnknown, DatabaseAway


class Paper:
    """Writes batches, and fails as it is told to."""

    def __init__(self) -> None:
        self.written: list[list[int]] = []
        self.faults: list[Exception] = []
        self.poison: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, batch: Sequence[int]) -> None:
        await self.gate.wait()
        if self.faults:
            raise self.faults.pop()
        if self.poison in batch:
            raise ValueError("a bad one")
        self.written.append(list(batch))


async def write_all(gathering: Batches[int], *items: int) -> None:
    for item in items:
        gathering.put(item)
    gathering.close()
    await asyncio.wait_for(gathering.run(), 10)


async def test_what_comes_during_a_write_is_one_batch() -> None:
    paper = Paper()
    paper.gate.clear()
    gathering = Batches("test", paper.write, 100, 0)
    running = asyncio.create_task(gathering.run())
    gathering.put(1)
    await asyncio.sleep(0.01)
    for item in (2, 3, 4):
        gathering.put(item)

    paper.gate.set()
    gathering.close()
    await asyncio.wait_for(running, 10)

    assert paper.written == [[1], [2, 3, 4]]


async def test_no_batch_is_larger_than_it_may_be() -> None:
    paper = Paper()

    await write_all(Batches("test", paper.write, 2, 0), 1, 2, 3, 4, 5)

    assert paper.written == [[1, 2], [3, 4], [5]]


async def test_nothing_is_lost_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "AGAIN_SECONDS", 0.01)
    paper = Paper()
    paper.faults = [DatabaseAway(), CommitUnknown(), DatabaseAway()]

    await write_all(Batches("test", paper.write, 10, 0), 1, 2)

    assert paper.written == [[1, 2]]


async def test_a_bad_one_fails_alone() -> None:
    paper, lost = Paper(), []
    paper.poison = 2

    await write_all(Batches("test", paper.write, 10, 0, lost.append), 1, 2, 3)

    assert paper.written == [[1], [3]]
    assert lost == [2]
