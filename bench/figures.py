"""Numbers of several rounds, ratios with their aims, and tables of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of a number over the rounds, with the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(median(values), min(values), max(values))

    def show(self, digits: int = 0) -> str:
        middle, least, most = (f"{v:,.{digits}f}" for v in (self.middle, self.least, self.most))
        return middle if self.least == self.most else f"{middle} ({least}–{most})"


@dataclass(frozen=True, slots=True)
class Ratio:
    """Something over something else of the same round; met from its aim on, or up to it."""

    what: str
    figure: Figure
    aim: float
    at_most: bool = False
    digits: int = 2
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.figure.middle <= self.aim if self.at_most else self.figure.middle >= self.aim

    @property
    def row(self) -> Row:
        sign = "≤" if self.at_most else "≥"
        verdict = "met" if self.is_met else "missed"
        shown = f"**{self.figure.show(self.digits)}**{self.unit}"
        return self.what, shown, f"{sign} {self.aim:g}{self.unit}: {verdict}"


def table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    """A table in Markdown."""
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
