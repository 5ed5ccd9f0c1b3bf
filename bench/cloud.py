"""An official number's sends through its driver, over those of a bare client to the same sink."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import memory, sink
from bench.figures import Figure, Ratio, table
from bench.processes import BenchError
from bench.section import Bench
from bench.sink import Opened, Seen
from waypost.drivers.cloud.stops import MOST
from waypost.drivers.registry import WIDEST

AIM = 0.5
FLAT = 1.05
# By then the driver remembers as many recipients as it ever will.
WARM_UP = MOST + 2_000
NAME, BARE = "Waypost's driver", "Bare aiohttp client"
CLIENTS = {BARE: "bare", NAME: "driver"}


@dataclass(frozen=True, slots=True)
class Round:
    """What the sink saw of one client, and what its process held before and after, in MiB."""

    seen: Seen
    before: float
    after: float


@dataclass(slots=True)
class Cloud:
    """What came of each client, one entry a round."""

    sends: int
    rounds: dict[str, list[Round]] = field(default_factory=lambda: {BARE: [], NAME: []})

    @property
    def ratios(self) -> Sequence[Ratio]:
        pairs = zip(self.rounds[NAME], self.rounds[BARE], strict=True)
        rates = [mine.seen.per_second / bare.seen.per_second for mine, bare in pairs]
        growth = [each.after / each.before for each in self.rounds[NAME]]
        return [
            Ratio(
                "Sends per second through an official number's driver ÷ a bare aiohttp client's",
                Figure.of(rates),
                AIM,
            ),
            Ratio(
                f"Memory of the driver's process after {self.sends:,} sends ÷ before them",
                Figure.of(growth),
                FLAT,
                at_most=True,
            ),
        ]

    @property
    def faults(self) -> list[str]:
        """Each message is to be seen once."""
        return [
            f"{name}: of {self.sends} messages the sink saw {seen.messages}, in {seen.posts} posts"
            for name, rounds in self.rounds.items()
            for seen in (each.seen for each in rounds)
            if not seen.posts == seen.messages == self.sends
        ]

    def details(self) -> Iterator[str]:
        yield "## Sending from an official number"
        yield ""
        head = ("", "messages/s", "MiB before", f"MiB after {self.sends:,} sends")
        yield from table(head, [_row(name, rounds) for name, rounds in self.rounds.items()])


def measured(bench: Bench) -> Cloud:
    """Everything of this section. Raises BenchError."""
    found = Cloud(bench.plan.cloud_sends)
    bench.announce(len(CLIENTS) * bench.plan.rounds)
    with sink.sink(bench.folder, "cloud") as opened:
        for number in range(bench.plan.rounds):
            for name in list(CLIENTS)[:: -1 if number % 2 else 1]:
                done = bench.step(name, partial(_sent, opened, CLIENTS[name], found.sends))
                found.rounds[name].append(done)
                bench.say(f"{name}: {done.seen.per_second:,.0f} messages/s from an official number")
    return found


def _sent(opened: Opened, client: str, sends: int) -> Round:
    """Warm up, and send; the process is looked at while it waits for us."""
    numbers = map(str, (WARM_UP, sends, WIDEST))
    url = opened.url.rstrip("/")
    with subprocess.Popen(
        [sys.executable, "-m", "bench.cloud_posting", client, url, *numbers],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        before = _when_it_waits(process)
        opened.forget()
        _go_on(process)
        after = _when_it_waits(process)
        seen = opened.seen()
        _go_on(process)
    return Round(seen, before, after)


def _when_it_waits(process: subprocess.Popen[bytes]) -> float:
    assert process.stdout is not None
    if not process.stdout.readline():
        raise BenchError("A client of the official number's sink ended before its time.")
    return memory.of_process(process.pid)


def _go_on(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def _row(name: str, rounds: Sequence[Round]) -> Sequence[str]:
    rate = Figure.of([each.seen.per_second for each in rounds])
    before = Figure.of([each.before for each in rounds])
    after = Figure.of([each.after for each in rounds])
    return name, rate.show(), before.show(1), after.show(1)
