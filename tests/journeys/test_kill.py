"""kill -9 in mid-load: what was answered exists and comes to its end, once, and the money is right.

Five rounds kill random sets of processes at random moments. A failure shows the seed, and
WAYPOST_TEST_SEED runs it again.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from random import Random

import asyncpg
import pytest

from tests.journeys import books
from tests.journeys.load import FREE, Customer, Load
from tests.support.processes import PARTS, SUPERVISOR, WORKER, Box, box, until, waypost

CREDITS = 100_000
CUSTOMERS, SENDERS_EACH, REQUESTS_EACH = 4, 4, 25
QUICK = {"SANDBOX_DELIVERED_SECONDS": "0.3", "SANDBOX_READ_SECONDS": "0.6"}
END_SECONDS = 30.0

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def random() -> Random:
    seed = os.environ.get("WAYPOST_TEST_SEED") or secrets.token_hex(4)
    print(f"WAYPOST_TEST_SEED={seed}")
    return Random(seed)


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Box]:
    with box(tmp_path, SIGNUP_CREDITS=str(CREDITS), **FREE, **QUICK) as running:
        yield running
    errors = [line for line in running.server.log.splitlines() if '"level": "error"' in line]
    print(*(line for line in errors if "request.answered" not in line), sep="\n")


async def test_what_was_answered_is_neither_lost_nor_repeated(victim: Box, random: Random) -> None:
    customers = [Customer.new(victim.server, f"customer{n}") for n in range(CUSTOMERS)]
    loads = []
    for number, parts in enumerate(rounds(random), 1):
        load = Load(victim.server.url, random, f"round {number}")
        loads.append(load)
        await kill_in_mid_load(victim, parts, load, customers * SENDERS_EACH)
        await books.follow(load, END_SECONDS)
        await check(victim, customers, loads)

    assert victim.server.stop() == 0
    assert victim.is_gone()


def rounds(random: Random) -> list[set[str]]:
    """What to kill, round by round: each worker's death costs the ten seconds of its lease."""
    some = [set(parts) for size in (1, 2, 3) for parts in combinations(PARTS, size)]
    without_worker = [parts for parts in some if WORKER not in parts]
    with_worker = [parts for parts in some if WORKER in parts]
    chosen = [*random.sample(without_worker, 2), *random.sample(with_worker, 2), set(PARTS)]
    return random.sample(chosen, len(chosen))


async def kill_in_mid_load(
    victim: Box, parts: set[str], load: Load, senders: list[Customer]
) -> None:
    """Kill after some answers, while other requests are under way, and see the box whole again."""
    enough = load.random.randrange(len(senders) * REQUESTS_EACH * 2 // 3)
    before = victim.parts
    async with load.under_way(senders, REQUESTS_EACH, enough):
        victim.kill(*parts)
        print(f"killed {sorted(parts)} after {enough} answers")
        await asyncio.to_thread(heal, victim, parts, before)
    print(load)


def heal(victim: Box, parts: set[str], before: dict[str, list[int]]) -> None:
    """By hand where the supervisor is dead, and else by its own doing."""
    if SUPERVISOR in parts:
        # Of two workers at once, the one that ends takes its simulated network's news along.
        until(lambda: not set(before[WORKER]) & set(victim.pids), "the old worker ends")
        victim.server.start()
    until(lambda: victim.is_whole() and all(victim.parts[p] != before[p] for p in parts), "whole")


async def check(victim: Box, customers: list[Customer], loads: list[Load]) -> None:
    """The database holds what was told, no more and no less; so does the ledger."""
    connection = await asyncpg.connect(victim.database_url)
    try:
        await books.nothing_waits(connection, END_SECONDS)
        # Receipts still come of messages that nobody was told of: all is read at one moment.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await books.accepted_once(connection, loads)
            await books.sent_once(connection)
            await books.charged_once(connection)
    finally:
        with suppress(asyncpg.PostgresError):
            await connection.close()
    await books.statements_add_up(victim.server.url, customers, CREDITS)
    doctor = await asyncio.to_thread(waypost, "doctor", "--data-dir", str(victim.server.data_dir))
    assert doctor.returncode == 0, doctor.stdout
