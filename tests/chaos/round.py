"""One round: a Waypost under load while everything breaks, and afterwards the evidence."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random
from typing import Protocol

import asyncpg

from tests.chaos.crew import Crew, Postgres
from tests.chaos.customers import Market, Sender
from tests.chaos.evidence import gather
from tests.chaos.faults import Chaos, Fault, schedule
from tests.chaos.judge import judge
from tests.chaos.official import Official
from tests.chaos.report import Report
from tests.chaos.sandboxes import Sandboxes
from tests.journeys.load import FREE, Customer
from tests.support.client import Client
from tests.support.databases import Template, clone
from tests.support.processes import waypost
from tests.support.server import Server
from tests.support.transport import Sight

MANNERS = ("repeats", "hold", "resend", "fail", "cloud-hold", "cloud-resend", "cloud-fail")
"""In turn: sandboxes whose wire drops repeats, and others under each policy; official numbers,
whose provider drops none, under each."""

WORKERS, POOLS, DEVICES_EACH = 3, 3, 2
ACCOUNTS, SENDERS_EACH = 4, 3
CREDITS = 1_000_000
LEASE_SECONDS, UNCERTAIN_SECONDS = 2, 3
QUIET_SECONDS = 120.0
STOP_SECONDS = 30.0
PAUSE_SECONDS = 0.02
TRADE_SECONDS = 600.0
LOOK_EVERY = 0.2

SETTINGS = FREE | {
    "SIGNUP_CREDITS": str(CREDITS),
    "LEASE_SECONDS": str(LEASE_SECONDS),
    "UNCERTAIN_AFTER_SECONDS": str(UNCERTAIN_SECONDS),
    "DATABASE_POOL_SIZE": "6",
}
FURNISH_POOLS = """
insert into pools (name, created_at) select 'pool ' || n, now() from generate_series(2, $1) n
"""
FURNISH_ACCOUNTS = """
update accounts a
   set on_uncertain = $1, pool_id = (select id from pools order by id offset a.id % $2 limit 1)
 where not is_admin
"""
WAITING = """
select (select count(*) from messages where status = any($1)), (select count(*) from pgqueuer),
       (select count(*) from parked_jobs)
"""
WITHOUT_CALLBACKS = "select not exists (select from callbacks where attempts <= $1)"
CALLBACK_TRIES = 3
"""Those that were tried more often wait for an answer that was lost with its worker."""

Tell = Callable[[str], None]


class Wire(Protocol):
    """What carries a round's messages, notes each, and fails. See the classes for its words."""

    @property
    def kind(self) -> str: ...
    @property
    def hot(self) -> int: ...
    @property
    def settings(self) -> dict[str, str]: ...
    def config(self, place: int, /) -> Mapping[str, object]: ...
    def connect(self, url: str, device_ids: Sequence[int]) -> None: ...
    def misbehave(self, seed: str) -> None: ...
    def behave(self) -> None: ...
    def has_told_all(self) -> bool: ...
    def sights(self) -> list[Sight]: ...
    def complaints(self) -> list[str]: ...


WIRES: Mapping[str, Callable[[Path, str], AbstractContextManager[Wire]]] = {
    "sandbox": Sandboxes.started,
    "cloud": Official.started,
}


def parted(seed: str) -> tuple[str, str]:
    """The kind of devices and the manner that a seed begins with."""
    name = seed.rpartition("-")[0]
    assert name in MANNERS, f"a seed begins with one of {MANNERS}"
    kind, _, manner = name.rpartition("-")
    return kind or "sandbox", manner


async def play(
    seed: str, postgres: Postgres, template: Template, folder: Path, answers: int, tell: Tell
) -> Report:
    """Play the round of this seed, which names its kind and manner."""
    begun = time.monotonic()
    kind, manner = parted(seed)
    random = Random(seed)
    faults = schedule(random, answers, WORKERS, LEASE_SECONDS)
    with clone(template) as url, WIRES[kind](folder, manner) as wire:
        tell("starting")
        await furnish(url)
        with Crew.started(folder, url, WORKERS, SETTINGS | wire.settings) as crew:
            market = Market(crew.url, answers, wire.hot)
            await asyncio.to_thread(equip, crew, wire)
            senders = await enrol(crew, url, manner, seed)
            wire.misbehave(seed)
            await trade(market, senders, Chaos(crew, market, postgres, url), faults, tell)
            wire.behave()
            tell("until all is quiet")
            rest_seconds = await quiet(wire, url, manner)
            await end(crew, url)
        tell("judging")
        notes = [*crew.notes, *market.oddities, *crew.crashes(), *wire.complaints()]
        official = kind == "cloud"
        evidence = await gather(
            url, manner, market.asked, wire.sights(), notes, is_official=official
        )
    took = time.monotonic() - begun
    breaches = tuple(judge(evidence))
    return Report(
        seed, tuple(faults), folder, evidence, breaches, market.repeats, rest_seconds, took
    )


async def furnish(url: str) -> None:
    """Several pools, as yet without devices."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("delete from devices")
        await connection.execute(FURNISH_POOLS, POOLS)
    finally:
        await connection.close()


def equip(crew: Crew, wire: Wire) -> None:
    """Give each pool its devices, as an operator does."""
    admin = Client.admin(Server(crew.folder, port=crew.port))
    pools = admin.get("/api/admin/pools").json()["pools"]
    made = []
    for place, pool in enumerate(pool for pool in pools for _ in range(DEVICES_EACH)):
        device = {"name": f"Device {place}", "kind": wire.kind, "pool_id": pool["id"]}
        answer = admin.post("/api/devices", device | {"config": wire.config(place)})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
    wire.connect(crew.url, made)


async def enrol(crew: Crew, url: str, manner: str, seed: str) -> list[Sender]:
    """Accounts in different pools, each with several who send."""
    server = Server(crew.folder, port=crew.port)
    senders = []
    for n in range(1, ACCOUNTS + 1):
        customer = await asyncio.to_thread(Customer.new, server, f"customer{n}")
        for m in range(1, SENDERS_EACH + 1):
            name = f"{seed}, sender {n}.{m}"
            senders.append(Sender(customer.account_id, name, customer.token, Random(name)))
    connection = await asyncpg.connect(url)
    try:
        policy = "hold" if manner == "repeats" else manner
        await connection.execute(FURNISH_ACCOUNTS, policy, POOLS)
    finally:
        await connection.close()
    return senders


async def trade(
    market: Market, senders: Sequence[Sender], chaos: Chaos, faults: Sequence[Fault], tell: Tell
) -> None:
    """Send while the faults come, until all that was begun is answered and everything whole."""
    try:
        async with asyncio.timeout(TRADE_SECONDS), asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(market.run(senders, PAUSE_SECONDS)),
                group.create_task(chaos.run(faults)),
            ]
            while not all(task.done() for task in tasks):
                tell(f"{market.answers} answers, {market.repeats} repeats")
                await asyncio.wait(tasks, timeout=LOOK_EVERY)
    except TimeoutError:
        market.oddities.append(f"after {TRADE_SECONDS} s there were {market.answers} answers")


async def quiet(wire: Wire, url: str, manner: str) -> float:
    """Wait until nothing is under way, as long as one may; says how long that took."""
    moving = ["Queued", "Sending", *([] if manner == "hold" else ["Uncertain"])]
    begun = time.monotonic()
    connection = await asyncpg.connect(url)
    try:
        while not await _is_quiet(wire, connection, moving):
            if time.monotonic() > begun + QUIET_SECONDS:
                break
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await connection.close()
    return time.monotonic() - begun


async def _is_quiet(wire: Wire, connection: asyncpg.Connection, moving: Sequence[str]) -> bool:
    """In the order in which things go: each can only cause what is looked at after it."""
    waiting = sum(await connection.fetchrow(WAITING, moving) or ())
    if waiting or not await asyncio.to_thread(wire.has_told_all):
        return False
    has_none: bool = await connection.fetchval(WITHOUT_CALLBACKS, CALLBACK_TRIES)
    return has_none


async def end(crew: Crew, url: str) -> None:
    """Ask `waypost doctor`, and stop everybody in good order; what is wrong is noted."""
    folder = str(crew.folder)
    doctor = await asyncio.to_thread(waypost, "doctor", "--data-dir", folder, DATABASE_URL=url)
    if doctor.returncode != 0:
        crew.notes.append(doctor.stdout)
    for member in crew.members:
        code = await asyncio.to_thread(member.end, STOP_SECONDS)
        if code != 0:
            crew.notes.append(f"{member.command} stopped with {code}")
