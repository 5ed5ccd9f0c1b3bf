"""What a run found."""

from dataclasses import dataclass, field
from statistics import median

from bench.measure import Accepted, Paced, Start
from bench.memory import Memory


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of a number over the rounds, with the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> "Figure":
        return cls(median(values), min(values), max(values))

    def show(self, digits: int = 0) -> str:
        middle, least, most = (f"{v:,.{digits}f}" for v in (self.middle, self.least, self.most))
        return middle if self.least == self.most else f"{middle} ({least}–{most})"


@dataclass(slots=True)
class Results:
    """Everything measured in one run; lists have one entry a round."""

    machine: dict[str, str]
    notices: list[str] = field(default_factory=list)
    accepted: dict[str, list[Accepted]] = field(default_factory=dict)
    paced: list[Paced] = field(default_factory=list)
    backlog: list[float] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def rate(self, name: str) -> Figure:
        """Messages accepted a second."""
        return Figure.of([each.per_second for each in self.accepted[name]])

    def ratio(self, name: str, other: str) -> Figure | None:
        """One contestant's rate over another's, round by round; None without both."""
        if not (self.accepted.get(name) and self.accepted.get(other)):
            return None
        pairs = zip(self.accepted[name], self.accepted[other], strict=True)
        return Figure.of([mine.per_second / theirs.per_second for mine, theirs in pairs])

    @property
    def faults(self) -> list[str]:
        """What must not happen, in sentences."""
        found = [
            f"{name}: {each.lost} messages that were answered with success are not there."
            for name, rounds in self.accepted.items()
            for each in rounds
            if each.lost
        ]
        return found + [
            f"At the fixed rate {each.answered - each.found} answered messages are not there."
            for each in self.paced
            if each.found != each.answered
        ]
