"""What came of rounds, for people."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from tests.chaos.evidence import Evidence
from tests.chaos.faults import Fault
from tests.chaos.judge import Breach

SHOWN = 20
COLUMNS = ("seed", "faults", "taken", "again", "sent", "unsure", "rest", "took", "broken")
"""Messages accepted, requests asked again, what the transport saw, messages that were Uncertain;
how long after the last fault all was at rest, how long the round took, promises broken."""


@dataclass(frozen=True)
class Report:
    """What came of a round; `rest_seconds` is how long after the last fault all was at rest."""

    seed: str
    faults: tuple[Fault, ...]
    folder: Path
    evidence: Evidence
    breaches: tuple[Breach, ...]
    asked_again: int
    rest_seconds: float
    seconds: float

    def __str__(self) -> str:
        """How to see it again, what was done, and what came of it."""
        statuses = Counter(message.status for message in self.evidence.messages)
        lines = [
            f"WAYPOST_TEST_SEED={self.seed} make chaos ROUNDS=1",
            f"logs and notes: {self.folder}",
            *(str(fault) for fault in self.faults),
            f"{dict(statuses)}, {len(self.breaches)} breaches",
            *(str(breach) for breach in self.breaches[:SHOWN]),
        ]
        return "\n".join(lines) + "\n"

    @property
    def row(self) -> list[str]:
        """Its line of the table."""
        messages, broken = self.evidence.messages, len(self.breaches)
        return [
            self.seed,
            str(len(self.faults)),
            str(len(messages)),
            str(self.asked_again),
            str(sum(len(message.sights) for message in messages)),
            str(sum("uncertain" in message.types for message in messages)),
            f"{self.rest_seconds:.0f} s",
            f"{self.seconds:.0f} s",
            f"[red]{broken}[/]" if broken else "[green]0[/]",
        ]


def table(reports: Sequence[Report]) -> Table:
    """One line for each round."""
    made = Table(title="make chaos")
    for column in COLUMNS:
        made.add_column(column, no_wrap=True, justify="left" if column == "seed" else "right")
    for report in reports:
        made.add_row(*report.row)
    return made
