"""What every section of the bench works with, and what it gives back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from rich.progress import Progress, TaskID

from bench.figures import Ratio
from bench.plan import Plan

T = TypeVar("T")


class Found(Protocol):
    """What a section measured."""

    @property
    def ratios(self) -> Sequence[Ratio]:
        """What it is measured for, beside the aims."""

    @property
    def faults(self) -> Sequence[str]:
        """What must not happen, in sentences."""

    def details(self) -> Iterable[str]:
        """Its part of the page, in Markdown, from its heading on."""


@dataclass(slots=True)
class Bench:
    """A run: a folder that goes with it, what is to be told of it, and how far it has come."""

    plan: Plan
    folder: Path
    progress: Progress
    task: TaskID
    machine: dict[str, str]
    notices: list[str] = field(default_factory=list)
    limits_url: str | None = None

    def step(self, what: str, act: Callable[[], T]) -> T:
        """Do one of the announced steps, and show it meanwhile."""
        self.progress.update(self.task, description=what)
        found = act()
        self.progress.advance(self.task)
        return found

    def announce(self, steps: int) -> None:
        """So many more steps are to come."""
        total = self.progress.tasks[self.task].total or 0
        self.progress.update(self.task, total=total + steps)

    def say(self, line: str) -> None:
        """Tell a number as soon as it is there."""
        self.progress.console.print(line, highlight=False)

    def notice(self, problem: str) -> None:
        """What could not be measured: it is told now, and on the page."""
        self.notices.append(problem)
        self.progress.console.print(problem, style="bold red")
