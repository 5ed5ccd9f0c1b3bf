"""What goes wrong in a round, and when: drawn from its seed, then done."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import asyncpg

from tests.chaos.crew import Crew, Postgres
from tests.chaos.customers import Market
from tests.support.processes import until

STEADY_ANSWERS, BURST_ANSWERS = 200, 5
BURST_SHARE = 0.3
TEND_SECONDS = 0.1
HEAL_SECONDS = 60.0

DEAFEN = """
select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid()
   and (query ilike 'listen %' or query = 'select 1')
"""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong after so many answers; `seconds` is how long it lasts."""

    after: int
    kind: str
    who: int
    seconds: float

    def __str__(self) -> str:
        who = f"worker {self.who + 1}"
        return f"after {self.after:4} answers: {self.kind}, {self.seconds:.2f} s ({who})"


def schedule(random: Random, answers: int, workers: int, lease: float) -> list[Fault]:
    """The faults of a round of so many answers, some of them at once with others."""
    faults: list[Fault] = []
    kinds: list[str] = []
    after = random.randrange(STEADY_ANSWERS)
    while after < answers:
        kinds = kinds or random.sample(OFTEN, len(OFTEN))
        kind = kinds.pop()
        frozen = KINDS[kind] is Chaos.freeze_worker
        lasts = random.uniform(1.2, 2.5) * lease if frozen else random.uniform(0.0, 1.5)
        faults.append(Fault(after, kind, random.randrange(workers), lasts))
        is_burst = random.random() < BURST_SHARE
        after += random.randrange(BURST_ANSWERS if is_burst else STEADY_ANSWERS)
    return faults


class Chaos:
    """Lets faults befall a crew and its PostgreSQL, and heals them as an operator would."""

    def __init__(self, crew: Crew, market: Market, postgres: Postgres, database_url: str) -> None:
        self._crew = crew
        self._market = market
        self._postgres = postgres
        self._url = database_url
        self._restarting = asyncio.Lock()

    async def run(self, faults: Sequence[Fault]) -> None:
        """All faults, each at its answer; returns when everything is whole again."""
        async with asyncio.TaskGroup() as group:
            tending = group.create_task(self._tend())
            await asyncio.gather(*(self._befall(fault) for fault in faults))
            await self._heal()
            tending.cancel()

    async def _heal(self) -> None:
        try:
            await asyncio.to_thread(until, self._crew.is_whole, "whole again", HEAL_SECONDS)
        except AssertionError as error:
            self._crew.notes.append(str(error))

    async def _befall(self, fault: Fault) -> None:
        await self._market.reached(fault.after)
        await KINDS[fault.kind](self, fault)

    async def _tend(self) -> None:
        while True:
            # Beside a restart this process would be PostgreSQL's user for moments, who may not.
            async with self._restarting:
                self._crew.tend()
            await asyncio.sleep(TEND_SECONDS)

    async def kill_worker(self, fault: Fault) -> None:
        self._crew.workers[fault.who].kill(fault.seconds)

    async def kill_api(self, _: Fault) -> None:
        """Its supervisor starts it again."""
        for pid in self._crew.api_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def kill_supervisor(self, fault: Fault) -> None:
        self._crew.api.kill(fault.seconds)

    async def kill_everybody(self, fault: Fault) -> None:
        for member in self._crew.members:
            member.kill(fault.seconds)

    async def freeze_worker(self, fault: Fault) -> None:
        """For longer than its leases last."""
        worker = self._crew.workers[fault.who]
        worker.tell(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        worker.tell(signal.SIGCONT)

    async def restart_postgres(self, fault: Fault) -> None:
        async with self._restarting:
            await asyncio.to_thread(self._postgres.restart, signal.SIGINT, fault.seconds)

    async def crash_postgres(self, fault: Fault) -> None:
        async with self._restarting:
            await asyncio.to_thread(self._postgres.restart, signal.SIGQUIT, fault.seconds)

    async def deafen(self, _: Fault) -> None:
        """Every LISTEN connection is lost."""
        async with self._restarting:
            connection = await asyncpg.connect(self._url)
            try:
                await connection.execute(DEAFEN)
            finally:
                await connection.close()


Befall = Callable[[Chaos, Fault], Awaitable[None]]

KINDS: dict[str, Befall] = {
    "kill a worker": Chaos.kill_worker,
    "kill the API": Chaos.kill_api,
    "kill the API's supervisor": Chaos.kill_supervisor,
    "kill everybody": Chaos.kill_everybody,
    "freeze a worker": Chaos.freeze_worker,
    "restart PostgreSQL": Chaos.restart_postgres,
    "crash PostgreSQL": Chaos.crash_postgres,
    "deafen all": Chaos.deafen,
}
OFTEN = [*KINDS, "kill a worker", "kill a worker", "freeze a worker"]
