"""One run: the ground is laid once, then every contestant has its turn in every round."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import accounts, contestants, kannel, load, machine, measure, redis_server, store
from bench.contestants import BULK, ONE_FOLDER, Ground
from bench.plan import BULK_SIZE, Plan
from bench.processes import BenchError
from bench.results import Results
from bench.waypost import Flavour, waypost

T = TypeVar("T")


def run(plan: Plan, console: Console) -> Results:
    """Everything, in a temporary folder that goes with the run. Raises BenchError."""
    if problem := load.missing():
        raise BenchError(problem)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waypost-bench-")))
        folder.chmod(0o755)  # an embedded PostgreSQL that runs as another user passes through
        progress = stack.enter_context(Progress(*columns, TimeElapsedColumn(), console=console))
        limits_url = stack.enter_context(redis_server.shared_limits(folder))
        return _Run(plan, folder, limits_url, progress).all()


class _Run:
    """The state of one run."""

    def __init__(
        self, plan: Plan, folder: Path, limits_url: str | None, progress: Progress
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._limits_url = limits_url
        self._progress = progress
        self._task = progress.add_task("")
        self._results = Results(machine.describe(folder))

    def all(self) -> Results:
        begun = time.monotonic()
        self._note_what_is_missing()
        ground = self._step("accounts", self._lay_ground)
        who = contestants.of_singles(ground, self._limits_url, kannel.missing() is None)
        bulk, paced = contestants.of_bulk(ground), ground.copy_of_data("paced")
        self._progress.update(self._task, total=2 + self._plan.rounds * (len(who) + 4))
        for number in range(self._plan.rounds):
            self._singles(number, who)
            self._bulk(number, bulk)
            self._paced(number, paced, ground.tokens)
            self._start(number)
        self._finish()
        self._results.machine["Run"] = f"{time.monotonic() - begun:.0f} s"
        return self._results

    def _note_what_is_missing(self) -> None:
        found = (kannel.missing(), None if self._limits_url else redis_server.MISSING)
        self._results.notices += [problem for problem in found if problem]
        for notice in self._results.notices:
            self._progress.console.print(notice, style="bold red")

    def _lay_ground(self) -> Ground:
        data_dir, tokens = self._folder / "prepared", self._folder / "tokens"
        with waypost(data_dir, Flavour()) as server:
            accounts.make(server.url, self._plan.accounts, tokens)
            answer = accounts.one_answer(server.url, tokens)
            self._results.machine["PostgreSQL"] = f"{store.version(server.database_url)}, embedded"
        return Ground(self._folder, data_dir, tokens, answer)

    def _singles(self, number: int, who: dict[str, contestants.Open]) -> None:
        # Every other round goes backwards, so that a drift of the machine hits all alike.
        for name in list(who)[:: -1 if number % 2 else 1]:
            self._accepted(name, who[name], self._plan.singles, 2 * number)

    def _bulk(self, number: int, bulk: contestants.Open) -> None:
        self._accepted(BULK, bulk, self._plan.bulks, 2 * number, BULK_SIZE)

    def _accepted(
        self, name: str, who: contestants.Open, with_load: load.Load, seed: int, size: int = 1
    ) -> None:
        found = self._step(name, lambda: measure.accepted(who, with_load, self._plan, seed, size))
        self._results.accepted.setdefault(name, []).append(found)
        self._say(f"{name}: {found.per_second:,.0f} accepted/s")

    def _paced(self, number: int, data_dir: Path, tokens: Path) -> None:
        found = self._step(
            "a fixed rate", lambda: measure.paced(data_dir, tokens, self._plan, 2 * number)
        )
        self._results.paced.append(found)
        self._say(f"Fixed rate: Sent after {found.sent.p50_ms:.1f} ms")

    def _start(self, number: int) -> None:
        found = self._step("starting", lambda: measure.start(self._folder / f"start-{number}"))
        self._results.starts.append(found)
        self._say(f"Ready after {found.new:.2f} s, on an old data directory {found.old:.2f} s")

    def _finish(self) -> None:
        full = self._folder / ONE_FOLDER
        for _ in range(self._plan.rounds):
            rate = self._step(
                "sending a backlog", lambda: measure.sent_from_backlog(full, self._plan)
            )
            self._results.backlog.append(rate)
            self._say(f"From a backlog: {rate:,.0f} sent/s")
        idle = self._folder / "start-0"
        self._results.memory = self._step(
            "idle memory", lambda: measure.idle_memory(idle, self._plan)
        )

    def _step(self, what: str, act: Callable[[], T]) -> T:
        self._progress.update(self._task, description=what)
        found = act()
        self._progress.advance(self._task)
        return found

    def _say(self, line: str) -> None:
        self._progress.console.print(line, highlight=False)
