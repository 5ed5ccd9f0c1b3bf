"""Messages of one account, one class and one recipient arrive in the order they were accepted.

A seed decides what fails; it is shown, and WAYPOST_TEST_SEED sets it.
"""

import asyncio
import os
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.support.messages import until
from tests.support.processes import started
from tests.support.sends import gathered, group_commit, wallet
from tests.support.transport import Faults, Sight, Transport
from waypost.kit.db import Database, Tx
from waypost.messages.group_commit import GroupCommit
from waypost.messages.model import Class
from waypost.messages.schemas import Content, Recipient
from waypost.messages.submission import Acceptance, Submission

RECIPIENTS = [f"27821{n:04}55" for n in range(50)]
EACH = 1_000
"""Messages to each recipient, half of them in bulks, half as singles."""

TOTAL = len(RECIPIENTS) * EACH
WORKERS = 2
TURNS = 12
END_SECONDS = 600.0
PAUSE = "update devices set is_paused = (id = $1)"
WENT = "select count(*) from messages where sent_at is not null"

pytestmark = pytest.mark.timeout(900)


async def test_nothing_overtakes_whatever_fails(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    seed = os.environ.get("WAYPOST_TEST_SEED") or secrets.token_hex(4)
    print(f"WAYPOST_TEST_SEED={seed}")
    await wallet(db, 1, TOTAL)
    with Transport.started(tmp_path) as transport:
        transport.tell(Faults(seed, busy=0.002, limited=0.001, lost=0.002, dropped=0.002))
        async with disturbed(db, transport, database_url, Random(seed)):
            async with group_commit(db) as commit:
                for n in range(EACH // 2):
                    await send(commit, str(n))
            await until(lambda: some_went(db, TOTAL), END_SECONDS)
        sights = transport.sights()

    arrived = first_arrivals(sights)
    assert len(arrived) == 2 * len(RECIPIENTS)
    for chain in arrived.values():
        assert len(chain) == EACH // 2
        assert all(earlier < later for earlier, later in pairwise(chain)), chain


async def send(commit: GroupCommit, text: str) -> None:
    """To each recipient one message of either class, one after the other."""
    bulk, *singles = [Recipient(number, {}) for number in RECIPIENTS], *RECIPIENTS
    submissions = [Submission(1, 1, Class.BULK, Content(f"bulk {text}", None, {}), bulk)]
    submissions += [
        Submission(1, 1, Class.SINGLE, Content(f"single {text}", None, {}), (Recipient(to, {}),))
        for to in singles
    ]
    answers = await gathered(commit, submissions)
    assert all(isinstance(answer, Acceptance) for answer in answers), answers


async def some_went(db: Database, count: int) -> bool:
    async with db.read() as tx:
        went: int = await tx.fetchval(WENT)
    return went >= count


def first_arrivals(sights: Sequence[Sight]) -> dict[tuple[str, str], list[int]]:
    """For each recipient and class, the numbers of the messages in the order they first came."""
    arrived: dict[tuple[str, str], list[int]] = defaultdict(list)
    seen: set[str] = set()
    for sight in sights:
        if sight.taken and sight.id not in seen:
            seen.add(sight.id)
            kind, number = sight.text.split()
            arrived[sight.to, kind].append(int(number))
    return arrived


@asynccontextmanager
async def disturbed(
    db: Database, transport: Transport, database_url: str, random: Random
) -> AsyncIterator[None]:
    """Workers for the length of the block: by turns one is killed, or a device is paused."""
    settings = {
        "DATABASE_URL": database_url,
        "SEAL_KEY": "k" * 32,
        "SANDBOX_WIRE_URL": transport.url,
        "LEASE_SECONDS": "1",
    }
    with ExitStack() as stack:
        workers = [stack.enter_context(started("worker", **settings)) for _ in range(WORKERS)]

        async def disturb() -> None:
            for turn in range(1, TURNS):
                await until(lambda turn=turn: some_went(db, turn * TOTAL // TURNS), END_SECONDS)
                if turn % 2:
                    await pause_one(db, random)
                else:
                    who = random.randrange(WORKERS)
                    workers[who].kill()
                    workers[who] = stack.enter_context(started("worker", **settings))

        disturbing = asyncio.create_task(disturb())
        yield
        await disturbing


async def pause_one(db: Database, random: Random) -> None:
    """Of the pool's devices another one rests from now on."""

    async def pause(tx: Tx) -> None:
        ids = [row["id"] for row in await tx.fetch("select id from devices order by id")]
        await tx.execute(PAUSE, random.choice(ids))

    await db.transact(pause)
