"""Reads of status and history through the API, with few and with very many messages."""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from bench import accounts, fill, load, store
from bench.figures import Figure, Ratio, table
from bench.fill import Span
from bench.load import Load, Target, fire
from bench.plan import READ_CONNECTIONS
from bench.processes import BenchError
from bench.section import Bench
from bench.waypost import Flavour, Server, waypost

AIM = 1.5
ACCOUNTS = 50
MONTHS = 12
REQUESTS = 2000
PER_PAGE = 50
HISTORY = "/api/messages/messages"
STATUS = "status of a message"
FIRST, DEEP = "first page of history", "any page of history"
NUMBER = "history of one number"
FAILED = "history of one status"
AIMED = (STATUS, FIRST, DEEP, NUMBER)


@dataclass(slots=True)
class Reads:
    """Median microseconds of a read, by the number of messages; one entry a round."""

    sizes: tuple[int, int]
    took: defaultdict[tuple[str, int], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    refused: int = 0

    def ratio(self, kind: str) -> Figure:
        few, many = (self.took[kind, size] for size in self.sizes)
        return Figure.of([much / little for little, much in zip(few, many, strict=True)])

    @property
    def ratios(self) -> Sequence[Ratio]:
        few, many = self.sizes
        what = f"Time of a read at {many:,} messages ÷ at {few:,}: {{}}"
        return [Ratio(what.format(k), self.ratio(k), AIM, at_most=True) for k in AIMED]

    @property
    def faults(self) -> list[str]:
        """Each read is of what is there."""
        return [f"{self.refused} reads were refused."] if self.refused else []

    def details(self) -> Iterator[str]:
        few, many = self.sizes
        yield f"## Reads, {READ_CONNECTIONS} connections"
        yield ""
        rows = [
            (
                kind,
                Figure.of(self.took[kind, few]).show(),
                Figure.of(self.took[kind, many]).show(),
                self.ratio(kind).show(2),
            )
            for kind in (*AIMED, FAILED)
        ]
        yield from table(("", f"µs at {few:,}", f"µs at {many:,}", "ratio"), rows)
        yield ""
        yield (
            "A filtered history also counts what it finds, up to 10,000: it costs as much as there"
            " is to find, so that of one status has no aim."
        )


def measured(bench: Bench) -> Reads:
    """Everything of this section. Raises BenchError."""
    if problem := load.missing():
        raise BenchError(problem)
    reads = Reads(bench.plan.reads)
    few, many = bench.plan.reads
    bench.announce(2 * (2 + MONTHS))
    with _server(bench, few) as small, _server(bench, many) as large:
        asked = {few: _lay(bench, small, few), many: _lay(bench, large, many)}
        bench.announce(bench.plan.rounds * len((*AIMED, FAILED)))
        for number in range(bench.plan.rounds):
            for kind in (*AIMED, FAILED):
                bench.step(kind, partial(_round, bench, reads, asked, kind, number))
    return reads


def _server(bench: Bench, size: int) -> AbstractContextManager[Server]:
    return waypost(bench.folder / f"reads-{size}", Flavour())


def _round(
    bench: Bench,
    reads: Reads,
    asked: dict[int, dict[str, Target]],
    kind: str,
    number: int,
) -> None:
    for size in reads.sizes[:: -1 if number % 2 else 1]:
        shot = fire(asked[size][kind], Load(READ_CONNECTIONS, bench.plan.read_seconds), number)
        reads.refused += shot.refused + shot.broken
        reads.took[kind, size].append(1000 * shot.p50_ms)
    bench.say(f"{kind}: {reads.took[kind, reads.sizes[1]][-1]:,.0f} µs at {reads.sizes[1]:,}")


def _lay(bench: Bench, server: Server, size: int) -> dict[str, Target]:
    """Fill the server's database; what is to be asked of it, warm."""
    tokens = bench.folder / f"reads-{size}.tokens"
    bench.step("accounts", lambda: accounts.make(server.url, ACCOUNTS, tokens))
    ids = store.accounts(server.database_url)
    now = datetime.now(UTC)
    span = Span.until(now, MONTHS, size)
    what = f"laying {size:,} messages"

    def laid() -> None:
        bench.step(what, lambda: None)

    asyncio.run(fill.history(server.database_url, ids, span, now, laid))
    os.sync()
    return bench.step("asking for each once", lambda: _targets(bench, server, size, tokens, ids))


def _targets(
    bench: Bench, server: Server, size: int, tokens: Path, ids: Sequence[int]
) -> dict[str, Target]:
    pick = random.Random(size)
    each = size // len(ids)
    by_account = dict(zip(ids, tokens.read_text().split(), strict=True))
    wanted = [(pick.choice(ids), pick.randint(1, each)) for _ in range(REQUESTS)]
    found = store.messages(server.database_url, wanted)
    pages = -(-each // PER_PAGE)
    paths: dict[str, Callable[[store.Message], str]] = {
        STATUS: lambda m: f"/api/messages/message-status/msg_{m.id.hex}",
        FIRST: lambda _: f"{HISTORY}?per_page={PER_PAGE}",
        DEEP: lambda _: f"{HISTORY}?page={pick.randint(1, pages)}&per_page={PER_PAGE}",
        NUMBER: lambda m: f"{HISTORY}?number={m.recipient}&per_page={PER_PAGE}",
        FAILED: lambda _: f"{HISTORY}?status=Failed&per_page={PER_PAGE}",
    }
    targets = {}
    for kind, path in paths.items():
        file = bench.folder / f"reads-{size}-{list(paths).index(kind)}"
        file.write_text("".join(f"{by_account[m.account_id]} {path(m)}\n" for m in found))
        targets[kind] = Target(server.url, "read", str(file))
        fire(targets[kind], Load(READ_CONNECTIONS, bench.plan.warm_seconds), 0)
    return targets
