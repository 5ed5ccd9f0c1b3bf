"""What a message costs on its way, with few and with very many queued in its lane."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

import asyncpg

from bench import fill
from bench.figures import Figure, Ratio, table
from bench.journey import STEPS, Spent, opened, travel
from bench.section import Bench
from waypost.app.first_start import furnish
from waypost.app.migrate import migrate
from waypost.credits import ledger
from waypost.credits.model import Kind, Move
from waypost.kit.clock import SystemClock
from waypost.kit.db import Tx
from waypost.kit.embedded import Embedded
from waypost.queue.model import lane_of

AIM = 1.5
ACCOUNTS = 100
CREDITS = 10_000_000
WARM_BATCHES = 3
POOL = 1
CLOCK = SystemClock()


@dataclass(slots=True)
class Cost:
    """What was spent, by the number of queued messages; one entry a round."""

    spent: defaultdict[int, list[Spent]] = field(default_factory=lambda: defaultdict(list))

    @property
    def ratios(self) -> Sequence[Ratio]:
        few, many = sorted(self.spent)
        pairs = zip(self.spent[few], self.spent[many], strict=True)
        figure = Figure.of([sum(much.values()) / sum(little.values()) for little, much in pairs])
        what = f"Time a message from accept to settle, with {many:,} queued ÷ with {few:,}"
        return [Ratio(what, figure, AIM, at_most=True)]

    @property
    def faults(self) -> Sequence[str]:
        """None: a step that does less than it is given ends the run."""
        return ()

    def details(self) -> Iterator[str]:
        yield "## What a message costs with so many queued in its lane"
        yield ""
        rows = [
            (f"{queued:,}", *(_shown(rounds, (step,)) for step in STEPS), _shown(rounds, STEPS))
            for queued, rounds in sorted(self.spent.items())
        ]
        yield from table(("queued", *(f"{step} µs" for step in STEPS), "together µs"), rows)


def _shown(rounds: Sequence[Spent], steps: Sequence[str]) -> str:
    return Figure.of([sum(spent[step] for step in steps) for spent in rounds]).show()


def measured(bench: Bench) -> Cost:
    """Everything of this section. Raises BenchError."""
    bench.announce(len(bench.plan.queued) * (1 + bench.plan.rounds))
    folder = bench.folder / "cost"
    folder.mkdir()
    server = Embedded(folder)
    url = server.start()
    try:
        for queued in bench.plan.queued:
            bench.step(f"queueing {queued:,}", partial(_prepare, url, queued))
        return _rounds(bench, url)
    finally:
        server.stop()


def _rounds(bench: Bench, url: str) -> Cost:
    cost = Cost()
    for number in range(bench.plan.rounds):
        for queued in bench.plan.queued[:: -1 if number % 2 else 1]:
            what = f"a message among {queued:,}"
            spent = bench.step(what, partial(_travel, url, queued, bench.plan.cost_batches))
            cost.spent[queued].append(spent)
            bench.say(f"With {queued:,} queued: {sum(spent.values()):,.0f} µs a message")
    return cost


def _travel(url: str, queued: int, batches: int) -> Spent:
    os.sync()
    own = _database(url, queued)
    return asyncio.run(travel(own, POOL, batches, WARM_BATCHES, ACCOUNTS))


def _prepare(url: str, queued: int) -> None:
    asyncio.run(_make_database(url, queued))


async def _make_database(url: str, queued: int) -> None:
    """A database with so many messages in the lane of its one pool."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"create database queued_{queued}")
    await connection.close()
    own = _database(url, queued)
    await migrate(own)
    async with opened(own) as db:
        await furnish(db, CLOCK)
        await db.transact(_open_wallets)
    await fill.queue(own, range(1, ACCOUNTS + 1), POOL, lane_of(POOL), queued)


async def _open_wallets(tx: Tx) -> None:
    for account_id in range(1, ACCOUNTS + 1):
        await ledger.open_wallet(tx, account_id)
        await ledger.post(tx, [Move(account_id, CREDITS, Kind.GRANT)], CLOCK.now())


def _database(url: str, queued: int) -> str:
    return urlsplit(url)._replace(path=f"/queued_{queued}").geturl()
