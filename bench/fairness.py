"""Fair shares: singles beside a huge bulk, and two equal bulks, each in a pool of a fixed rate."""

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import aiohttp

from bench import accounts, store
from bench.figures import Figure, Ratio, table
from bench.processes import BenchError, wait_until
from bench.section import Bench
from bench.senders import send_bulks, send_single
from bench.store import SentLatency
from bench.waypost import Flavour, Server, waypost

POOL_PER_SECOND = 100
SINGLES_PER_SECOND = 5
SENDING_SECONDS = 30
MOST_P99_SECONDS = 1.0
MOST_DIFFERENCE = 5.0


@dataclass(frozen=True, slots=True)
class Shares:
    """How long singles took beside the bulk, and how far two equal bulks came meanwhile."""

    bulk: int
    waiting: int
    singles: int
    delay: SentLatency
    progress: tuple[int, int]

    @property
    def difference(self) -> float:
        """In percent of the one that is ahead."""
        behind, ahead = sorted(self.progress)
        return 100 * (ahead - behind) / ahead if ahead else 0.0

    @property
    def ratios(self) -> Sequence[Ratio]:
        p99 = Figure.of([self.delay.p99_ms / 1000])
        singles = f"p99 from accepted to Sent of singles, beside {self.bulk:,} of another account"
        bulks = "Difference in progress of two equal bulks"
        return [
            Ratio(singles, p99, MOST_P99_SECONDS, at_most=True, unit=" s"),
            Ratio(bulks, Figure.of([self.difference]), MOST_DIFFERENCE, at_most=True, unit=" %"),
        ]

    @property
    def faults(self) -> list[str]:
        """Every single is to be sent, and the bulk is to be there all the time."""
        unsent = self.singles - self.delay.sent
        faults = [f"{unsent} singles were not sent beside the bulk."] if unsent else []
        return faults + ([] if self.waiting else ["The bulk was over before the singles were."])

    def details(self) -> Iterator[str]:
        yield f"## Fair shares of pools that send {POOL_PER_SECOND} messages/s"
        yield ""
        yield from table(
            ("", "p50 ms", "p99 ms"),
            [
                (
                    "single, accepted → Sent",
                    f"{self.delay.p50_ms:.0f}",
                    f"{self.delay.p99_ms:.0f}",
                )
            ],
        )
        yield ""
        one, other = self.progress
        yield (
            f"{self.singles:,} singles of one account, {SINGLES_PER_SECOND} a second, while of"
            f" another's bulk {self.waiting:,} or more of {self.bulk:,} were waiting. In a second"
            f" pool, of two bulks that were accepted side by side {one:,} and {other:,} were sent."
        )


def measured(bench: Bench) -> Shares:
    """Everything of this section. Raises BenchError."""
    bench.announce(2)
    data_dir = bench.folder / "fairness"
    os.sync()
    with waypost(data_dir, Flavour(worker=True)) as server:
        people = bench.step("pools, devices, a bulk", lambda: _prepare(server, bench.plan.bulk))
        seconds = bench.plan.fair_seconds
        found = bench.step(
            f"singles for {seconds} s", lambda: _watch(server, people, bench.plan.bulk, seconds)
        )
    bench.say(f"Singles beside the bulk: p99 {found.delay.p99_ms:,.0f} ms")
    bench.say(f"Two equal bulks differ by {found.difference:.1f} %")
    return found


@dataclass(frozen=True, slots=True)
class _Account:
    id: int
    token: str


@dataclass(frozen=True, slots=True)
class _People:
    """Who sends the bulk and who the singles in the one pool, and the two of the other."""

    huge: _Account
    single: _Account
    pair: tuple[_Account, _Account]


def _prepare(server: Server, bulk: int) -> _People:
    admin = accounts.admin_token(server.url)
    first, second = (_pool(server.url, admin, name) for name in ("first", "second"))
    huge, single = (_account(server.url, admin, name, first) for name in ("huge", "single"))
    pair = (_account(server.url, admin, "one", second), _account(server.url, admin, "two", second))
    asyncio.run(send_bulks(server.url, [huge.token], bulk))
    asyncio.run(send_bulks(server.url, [each.token for each in pair], bulk // 5))
    return _People(huge, single, pair)


def _watch(server: Server, people: _People, bulk: int, seconds: int) -> Shares:
    url = server.database_url
    before = [store.sent_of(url, each.id) for each in people.pair]
    ids = asyncio.run(_send_singles(server.url, people.single.token, seconds))
    after = [store.sent_of(url, each.id) for each in people.pair]
    waiting = store.unsent_of(url, people.huge.id)
    wait_until(
        lambda: store.unsent_of(url, people.single.id) == 0,
        "The singles",
        SENDING_SECONDS,
        every=0.2,
    )
    one, two = (now - then for now, then in zip(after, before, strict=True))
    return Shares(bulk, waiting, len(ids), store.sent_latency(url, ids), (one, two))


async def _send_singles(url: str, token: str, seconds: int) -> list[UUID]:
    """At an even pace, whatever the answers take."""
    async with aiohttp.ClientSession(url) as session, asyncio.TaskGroup() as group:
        sends = []
        for _ in range(seconds * SINGLES_PER_SECOND):
            sends.append(group.create_task(send_single(session, token)))
            await asyncio.sleep(1 / SINGLES_PER_SECOND)
    return [UUID(send.result().removeprefix("msg_")) for send in sends]


def _pool(url: str, admin: str, name: str) -> int:
    """A pool with one device, which gives it its rate."""
    pool_id = _made(url, admin, "/api/admin/pools", {"name": name})
    device: dict[str, object] = {"name": name, "kind": "sandbox", "pool_id": pool_id}
    _made(url, admin, "/api/devices", device | {"pacing": {"per_second": POOL_PER_SECOND}})
    return pool_id


def _account(url: str, admin: str, name: str, pool_id: int) -> _Account:
    body = {"username": name, "password": accounts.PASSWORD, "credits": accounts.CREDITS}
    id = _made(url, admin, "/api/admin/users", body | {"pool_id": pool_id})
    return _Account(id, accounts.token_of(url, name))


def _made(url: str, token: str, route: str, body: dict[str, object]) -> int:
    request = urllib.request.Request(
        url + route,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(json.load(answer)["id"])
    except urllib.error.HTTPError as error:
        raise BenchError(f"{route} refused: {error.read().decode()}") from None
