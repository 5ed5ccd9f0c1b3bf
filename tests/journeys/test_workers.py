"""Several workers on one database, as processes: they share the pools, stop, die and freeze."""

import asyncio
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.journeys import books
from tests.journeys.load import BULK, FREE, Customer
from tests.support.messages import until
from tests.support.processes import WORKER, Box, box, frozen, started
from tests.support.server import Server
from tests.support.transport import Faults, Transport

BUSY = 5
"""Pools that have something to send, beside the default one, which has nothing."""
RECEIPTS = {"SANDBOX_DELIVERED_SECONDS": "0.05", "SANDBOX_READ_SECONDS": "0.1"}
OPEN = {**FREE, **RECEIPTS, "SIGNUP_CREDITS": "1000"}
SLOW = "0005"
"""A number that ends so is sent to for three seconds."""

DEFAULT = 1
FREEZING = timedelta(seconds=0.2)
"""Between the question for the time and the freeze; far less than a lease."""

# Those that were marked again, though it was not known that they had never come to the wire.
REPEATED = """
select m.id from messages m
 where mark > 1 + (select count(*) from message_events e
                    where e.account_id = m.account_id and e.message_id = m.id
                      and type = 'message.requeued' and detail->>'code' = 'NOT_SENT')
"""

CARRIED = "select pool_id, worker_id from leases where until > now()"

pytestmark = pytest.mark.timeout(180)

Value = Callable[..., Any]


async def test_the_pools_of_a_killed_worker_are_anothers_within_15_seconds(
    tmp_path: Path,
) -> None:
    """With default settings; what it had on its way goes again, under the same id."""
    with box(tmp_path, WORKER_PROCESSES="3", **OPEN) as made:
        customers = await asyncio.to_thread(open_pools, made.server)
        connection = await asyncpg.connect(made.database_url)
        await until(lambda: shared(connection, 2, 2, 2))
        await asyncio.to_thread(send, made.server, customers, 20, SLOW)
        await until(lambda: are_sending(connection, BUSY))

        before = await carriers(connection)
        killed_at = await connection.fetchval("select clock_timestamp()")
        os.kill(made.parts[WORKER][0], signal.SIGKILL)
        dead = await replaced(connection, before)
        taken_at = await connection.fetchval("select clock_timestamp()")
        assert (taken_at - killed_at).total_seconds() < 15

        await until(lambda: all_are(connection, "Read"), 30)
        await books.sent_once(connection)
        marks = "select pool_id, max(mark) from messages group by 1"
        assert dict(await connection.fetch(marks)) == {
            pool_id: 2 if worker_id == dead else 1
            for pool_id, worker_id in before.items()
            if pool_id != DEFAULT
        }
        await until(lambda: shared(connection, 2, 2, 2))  # its successor has its share
        await connection.close()


async def test_a_worker_that_stops_hands_over_at_once_and_repeats_nothing(tmp_path: Path) -> None:
    with crew(tmp_path, 3) as (made, workers, wires):
        customers = await asyncio.to_thread(open_pools, made.server)
        connection = await asyncpg.connect(made.database_url)
        await until(lambda: shared(connection, 2, 2, 2))
        await asyncio.to_thread(send, made.server, customers, 100)
        await until(lambda: some_sent(connection, BUSY))

        before = await carriers(connection)
        stopped_at = await connection.fetchval("select clock_timestamp()")
        workers[0].terminate()
        await replaced(connection, before)
        taken_at = await connection.fetchval("select clock_timestamp()")
        assert (taken_at - stopped_at).total_seconds() < 5, "half of a lease"

        await until(lambda: all_are(connection, "Read"), 60)
        assert await asyncio.to_thread(workers[0].wait, 20) == 0
        assert set(await connection.fetchval("select array_agg(mark) from messages")) == {1}
        assert sorted(sightings(wires).values()) == [1] * 100 * BUSY
        await connection.close()


async def test_a_frozen_worker_marks_nothing_more_when_it_wakes(tmp_path: Path) -> None:
    """Where repeats are not dropped each message arrives once, or is known not to have left."""
    settings = {"LEASE_SECONDS": "2", "UNCERTAIN_AFTER_SECONDS": "2"}
    with crew(tmp_path, 2, **settings) as (made, workers, wires):
        customers = await asyncio.to_thread(open_pools, made.server, deduplicates=False)
        connection = await asyncpg.connect(made.database_url)
        await until(lambda: shared(connection, 3, 3))
        await asyncio.to_thread(send, made.server, customers, 150)
        await until(lambda: some_sent(connection, BUSY))

        before = await carriers(connection)
        frozen_at = await connection.fetchval("select clock_timestamp()")
        with frozen(workers[0].pid):
            await replaced(connection, before)
            workers[0].terminate()  # heard as it wakes, so that it takes nothing anew
        assert await asyncio.to_thread(workers[0].wait, 20) == 0

        ends = ("Read", "Delivered", "Sent", "Uncertain", "Failed")
        await until(lambda: all_are(connection, *ends), 60)
        late = "select id from messages where marked_at > $1 and id = any($2::uuid[])"
        its = [UUID(sight.message_id) for sight in wires[0].sights()]
        assert await connection.fetch(late, frozen_at + FREEZING, its) == []
        assert await connection.fetch(REPEATED) == []
        left = "select id from messages where status <> 'Failed' or error_code <> 'NOT_SENT'"
        ids = [row["id"].hex for row in await connection.fetch(left)]
        assert sightings(wires) == Counter(ids)
        await connection.close()


@contextmanager
def crew(
    folder: Path, count: int, **settings: str
) -> Iterator[tuple[Box, Sequence[subprocess.Popen[bytes]], Sequence[Transport]]]:
    """A server without workers, and so many beside it, each with a wire of its own."""
    with ExitStack() as stack:
        made = stack.enter_context(box(folder / "box", "--no-worker", **OPEN))
        command = ("worker", "--data-dir", str(made.server.data_dir))
        workers, wires = [], []
        for number in range(count):
            notes = folder / str(number)
            notes.mkdir()
            wire = stack.enter_context(Transport.started(notes))
            wire.tell(Faults(slow=0.5))
            own = {**RECEIPTS, "SANDBOX_WIRE_URL": wire.url, **settings}
            workers.append(stack.enter_context(started(*command, **own)))
            wires.append(wire)
        yield made, workers, wires


def open_pools(server: Server, *, deduplicates: bool = True) -> list[Customer]:
    """Five more pools with a device each that sends forty a second, and a customer in each."""
    admin = server.admin()
    customers = []
    for number in range(BUSY):
        pool = server.post("/api/admin/pools", {"name": f"pool {number}"}, admin).json()
        config = {"rate": 40, "deduplicates": deduplicates}
        device = {"name": f"phone {number}", "kind": "sandbox", "config": config}
        made = server.post("/api/devices", {**device, "pool_id": pool["id"]}, admin)
        assert made.status_code == 201, made.text
        customer = Customer.new(server, f"customer{number}")
        path = f"/api/admin/users/{customer.account_id}"
        moved = server.request("PATCH", path, {"pool_id": pool["id"]}, admin)
        assert moved.status_code == 200, moved.text
        customers.append(customer)
    return customers


def send(server: Server, customers: Sequence[Customer], count: int, ending: str = "4567") -> None:
    """Each customer sends a bulk."""
    numbers = [f"2782{n:03}{ending}" for n in range(count)]
    for customer in customers:
        answer = server.post(BULK, {"numbers": numbers, "message": "Hello"}, customer.token)
        assert answer.status_code == 200, answer.text


async def carriers(connection: asyncpg.Connection) -> Mapping[int, UUID]:
    """Who carries each pool."""
    return dict(await connection.fetch(CARRIED))


async def shared(connection: asyncpg.Connection, *counts: int) -> bool:
    """Whether the workers carry so many pools each."""
    carried = Counter((await carriers(connection)).values())
    return sorted(carried.values()) == sorted(counts)


async def replaced(connection: asyncpg.Connection, before: Mapping[int, UUID]) -> UUID:
    """Wait until one of these workers carries nothing, and others all there is; returns it."""
    gone: list[UUID] = []

    async def found() -> bool:
        now = await carriers(connection)
        gone[:] = set(before.values()) - set(now.values())
        return len(now) == len(before) and len(gone) == 1

    await until(found, 30)
    return gone[0]


async def are_sending(connection: asyncpg.Connection, pools: int) -> bool:
    """Whether messages of so many pools are on their way."""
    sending = "select count(distinct pool_id) from messages where status = 'Sending'"
    return bool(await connection.fetchval(sending) == pools)


async def some_sent(connection: asyncpg.Connection, pools: int, count: int = 10) -> bool:
    """Whether so many messages have been sent, from so many pools."""
    sent = "select count(*), count(distinct pool_id) from messages where sent_at is not null"
    messages, of_pools = await connection.fetchrow(sent)
    return bool(messages >= count * pools and of_pools == pools)


async def all_are(connection: asyncpg.Connection, *statuses: str) -> bool:
    """Whether each message has one of these statuses."""
    left = "select count(*) from messages where status <> all($1::text[])"
    return bool(await connection.fetchval(left, statuses) == 0)


def sightings(wires: Sequence[Transport]) -> Counter[str]:
    """How often each message was seen on the wires."""
    return Counter(sight.message_id for wire in wires for sight in wire.sights())
