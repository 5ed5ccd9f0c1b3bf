"""One run: its sections, one after the other, in a folder that goes with it."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import cloud, cost, fairness, machine, reads, redis_server, sends, store, wire
from bench.plan import Plan
from bench.section import Bench, Found
from bench.waypost import Flavour, waypost

SECTIONS: dict[str, Callable[[Bench], Found]] = {
    "sends": sends.measured,
    "wire": wire.measured,
    "cloud": cloud.measured,
    "fairness": fairness.measured,
    "cost": cost.measured,
    "reads": reads.measured,
}


@dataclass(frozen=True, slots=True)
class Run:
    """Where it was measured, what could not be, and what each section found."""

    machine: dict[str, str]
    notices: Sequence[str]
    found: Sequence[Found]

    @property
    def faults(self) -> list[str]:
        """What must not happen, in sentences."""
        return [fault for found in self.found for fault in found.faults]


def run(plan: Plan, names: Sequence[str], console: Console) -> Run:
    """Measure these sections. Raises BenchError."""
    begun = time.monotonic()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="waypost-bench-")))
        folder.chmod(0o755)  # an embedded PostgreSQL that runs as another user passes through
        progress = stack.enter_context(Progress(*columns, TimeElapsedColumn(), console=console))
        bench = Bench(
            plan, folder, progress, progress.add_task("", total=0), machine.describe(folder)
        )
        bench.limits_url = stack.enter_context(redis_server.shared_limits(folder))
        bench.announce(1)
        bench.step("a first start", lambda: _look_at_postgresql(bench))
        found = [SECTIONS[name](bench) for name in names]
    bench.machine["Run"] = f"{time.monotonic() - begun:.0f} s"
    return Run(bench.machine, bench.notices, found)


def _look_at_postgresql(bench: Bench) -> None:
    with waypost(bench.folder / "first", Flavour()) as server:
        bench.machine["PostgreSQL"] = f"{store.version(server.database_url)}, embedded"
