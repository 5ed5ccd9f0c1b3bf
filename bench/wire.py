"""The worker's throughput through a recording sink, over that of a bare client to the same sink."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import accounts, sink
from bench.figures import Figure, Ratio, table
from bench.processes import BenchError, wait_until
from bench.section import Bench
from bench.senders import send_bulks
from bench.sink import Opened, Seen
from bench.waypost import Flavour, waypost
from waypost.drivers.registry import WIDEST

AIM = 0.35
DEVICES = 3
UNBOUND_SANDBOX = 100_000
SENDING_SECONDS = 120
NAME, WITH_RECEIPTS = "Waypost, one worker", "Waypost, one worker, with receipts"
BARE = "Bare aiohttp client"


@dataclass(slots=True)
class Wire:
    """What the sink saw of each, one entry a round."""

    posted: int
    seen: dict[str, list[Seen]] = field(
        default_factory=lambda: {BARE: [], NAME: [], WITH_RECEIPTS: []}
    )

    def over_bare(self, name: str) -> Figure:
        pairs = zip(self.seen[name], self.seen[BARE], strict=True)
        return Figure.of([mine.per_second / bare.per_second for mine, bare in pairs])

    @property
    def ratios(self) -> Sequence[Ratio]:
        what = "Worker's sends per second through a recording sink ÷ a bare aiohttp client's"
        return [Ratio(what, self.over_bare(NAME), AIM)]

    @property
    def faults(self) -> list[str]:
        """Each message is to be seen once."""
        return [
            f"{name}: of {self.posted} messages the sink saw {seen.messages}, in {seen.posts} posts"
            for name, rounds in self.seen.items()
            for seen in rounds
            if not seen.posts == seen.messages == self.posted
        ]

    def details(self) -> Iterator[str]:
        yield "## Sending through a recording sink"
        yield ""
        rows = [
            (name, Figure.of([each.per_second for each in rounds]).show(), self._ratio(name))
            for name, rounds in self.seen.items()
        ]
        yield from table(("", "messages/s", "over the bare client"), rows)
        yield ""
        messages = sum(seen.messages for rounds in self.seen.values() for seen in rounds)
        posts = sum(seen.posts for rounds in self.seen.values() for seen in rounds)
        yield f"The sink saw {messages:,} messages in {posts:,} posts."

    def _ratio(self, name: str) -> str:
        return "" if name == BARE else self.over_bare(name).show(2)


def measured(bench: Bench) -> Wire:
    """Everything of this section. Raises BenchError."""
    found = Wire(bench.plan.posted)
    data_dir, tokens = bench.folder / "wire", bench.folder / "wire-tokens"
    bench.announce(1 + 3 * bench.plan.rounds)
    bench.step("accounts", lambda: _make_accounts(data_dir, tokens, bench.plan.accounts))
    with sink.sink(bench.folder) as opened:
        turns = {
            BARE: partial(_bare, opened, found.posted),
            NAME: partial(_waypost, data_dir, tokens, opened, found.posted, receipts=False),
            WITH_RECEIPTS: partial(_waypost, data_dir, tokens, opened, found.posted, receipts=True),
        }
        for number in range(bench.plan.rounds):
            for name in list(turns)[:: -1 if number % 2 else 1]:
                opened.forget()
                bench.step(name, turns[name])
                seen = opened.seen()
                found.seen[name].append(seen)
                bench.say(f"{name}: {seen.per_second:,.0f} messages/s through the sink")
    return found


def _make_accounts(data_dir: Path, tokens: Path, count: int) -> None:
    with waypost(data_dir, Flavour()) as server:
        accounts.make(server.url, count, tokens)


def _bare(opened: Opened, messages: int) -> None:
    command = (sys.executable, "-m", "bench.posting", opened.url)
    numbers = map(str, (messages, DEVICES, WIDEST))
    done = subprocess.run(
        [*command, *numbers], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    if done.returncode:
        raise BenchError(f"The bare client failed: {done.stderr}")


def _waypost(
    prepared: Path, tokens: Path, opened: Opened, messages: int, *, receipts: bool
) -> None:
    """Queue the messages without a worker, and let one send them all."""
    with tempfile.TemporaryDirectory(dir=prepared.parent) as folder:
        Path(folder).chmod(0o755)
        data_dir = Path(folder) / "data"
        subprocess.run(["cp", "--archive", prepared, data_dir], check=True)
        with waypost(data_dir, Flavour()) as server:
            asyncio.run(send_bulks(server.url, tokens.read_text().split(), messages))
        os.sync()
        with waypost(data_dir, _sending(opened.url, receipts)):
            wait_until(
                lambda: opened.seen().posts >= messages, "The sending", SENDING_SECONDS, every=0.2
            )


def _sending(url: str, receipts: bool) -> Flavour:
    return Flavour(worker=True, sandbox_rate=UNBOUND_SANDBOX, wire_url=url, receipts=receipts)
