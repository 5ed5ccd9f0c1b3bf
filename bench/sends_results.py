"""What the section of sends found, and its part of the page."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.contestants import (
    BARE,
    BULK,
    KANNEL,
    ONE,
    ONE_SENDING,
    TWO,
    TWO_SENDING,
    TWO_UNLIMITED,
)
from bench.figures import Figure, Ratio, table
from bench.measure import Accepted, Paced, Start
from bench.memory import Memory
from bench.plan import BULK_CONNECTIONS, CONNECTIONS, PACED_PER_SECOND

AIMS = {ONE: 0.8, TWO: 1.0}
RATED = (ONE, TWO, TWO_UNLIMITED, ONE_SENDING, TWO_SENDING)
API_MEMORY_AIM = 120
NOT_MEASURED = "not measured"


@dataclass(slots=True)
class Sends:
    """Everything measured of accepting and sending; lists have one entry a round."""

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
    def ratios(self) -> Sequence[Ratio]:
        """Those with an aim; without Kannel there are none."""
        found = [(name, self.ratio(name, KANNEL), aim) for name, aim in AIMS.items()]
        what = "{}: durable single sends accepted per second ÷ Kannel's"
        return [Ratio(what.format(name), ratio, aim) for name, ratio, aim in found if ratio]

    def details(self) -> Iterable[str]:
        """Its part of the page."""
        for part in (_ratios, _singles, _bulk, _paced, _starts, _memory, _checks):
            yield from part(self)
            yield ""

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


def _ratios(sends: Sends) -> Iterator[str]:
    yield "## Sends"
    yield ""
    yield "Durable single sends accepted per second, each over the same round's other."
    yield ""
    rows = [
        (name, _shown(sends.ratio(name, KANNEL)), _shown(sends.ratio(name, BARE))) for name in RATED
    ]
    yield from table(("", "over Kannel", "over a bare ASGI server"), rows)


def _shown(figure: Figure | None) -> str:
    return NOT_MEASURED if figure is None else figure.show(2)


def _singles(sends: Sends) -> Iterator[str]:
    yield f"### Single sends, {CONNECTIONS} connections"
    yield ""
    rows = [
        (
            name,
            sends.rate(name).show(),
            Figure.of([each.shot.p50_ms for each in rounds]).show(1),
            Figure.of([each.shot.p99_ms for each in rounds]).show(1),
            Figure.of([each.cpu_microseconds for each in rounds]).show(),
            _sent_meanwhile(sends, name),
        )
        for name, rounds in sends.accepted.items()
        if name != BULK
    ]
    head = ("", "accepted/s", "p50 ms", "p99 ms", "CPU µs/message", "sent/s meanwhile")
    yield from table(head, rows)
    yield ""
    yield (
        "CPU is the time of all of a contestant's processes, PostgreSQL and SMSC included;"
        " what else the machine does moves it less than it moves the rates."
    )
    yield ""
    yield f"From a backlog, without new sends, one worker sent {_backlog(sends)} messages/s."


def _sent_meanwhile(sends: Sends, name: str) -> str:
    rates = [r.sent / r.shot.seconds for r in sends.accepted[name] if r.sent is not None]
    return Figure.of(rates).show() if rates else ""


def _backlog(sends: Sends) -> str:
    return Figure.of(sends.backlog).show() if sends.backlog else NOT_MEASURED


def _bulk(sends: Sends) -> Iterator[str]:
    rounds = sends.accepted[BULK]
    p99 = Figure.of([each.shot.p99_ms for each in rounds])
    yield f"### Bulk sends of 200, {BULK_CONNECTIONS} connections"
    yield ""
    yield f"Recipients accepted per second: {sends.rate(BULK).show()}; p99 {p99.show(1)} ms."


def _paced(sends: Sends) -> Iterator[str]:
    figures = (
        (
            "accepted",
            [each.shot.p50_ms for each in sends.paced],
            [e.shot.p99_ms for e in sends.paced],
        ),
        (
            "accepted → Sent",
            [e.sent.p50_ms for e in sends.paced],
            [e.sent.p99_ms for e in sends.paced],
        ),
    )
    rate = Figure.of([each.shot.per_second for each in sends.paced])
    yield f"### Latency at a fixed rate of {PACED_PER_SECOND} sends/s, the worker beside"
    yield ""
    rows = [(what, Figure.of(p50).show(1), Figure.of(p99).show(1)) for what, p50, p99 in figures]
    yield from table(("", "p50 ms", "p99 ms"), rows)
    yield ""
    yield f"Measured rate: {rate.show()} sends/s."


def _starts(sends: Sends) -> Iterator[str]:
    yield "### Time to the first ready answer"
    yield ""
    rows = [
        ("new data directory", Figure.of([each.new for each in sends.starts]).show(2)),
        ("old data directory", Figure.of([each.old for each in sends.starts]).show(2)),
    ]
    yield from table(("", "seconds"), rows)


def _memory(sends: Sends) -> Iterator[str]:
    yield "### Idle memory"
    yield ""
    rows = [
        (m.part, str(m.processes), f"{m.pss:.0f}", f"{m.rss:.0f}")
        for m in sorted(sends.memory, key=lambda m: m.part)
    ]
    yield from table(("", "processes", "PSS MiB", "RSS MiB"), rows)
    for api in (m for m in sends.memory if m.part == "API"):
        verdict = "met" if api.rss <= API_MEMORY_AIM else "missed"
        yield ""
        yield f"Aim for the API process: ≤ {API_MEMORY_AIM} MB resident: {verdict}."


def _checks(sends: Sends) -> Iterator[str]:
    yield "### What was answered and what was there"
    yield ""
    yield (
        "Only answers of success are counted above. The end of a load cuts off at most one request "
        "a connection: such messages may be there without an answer, but none the other way round."
    )
    yield ""
    rows = [
        (
            name,
            f"{sum(each.messages for each in rounds):,}",
            _held([each.held for each in rounds]),
            f"{sum(each.lost for each in rounds)}",
            f"{sum(each.unexplained for each in rounds)}",
            f"{sum(each.shot.refused for each in rounds)}",
            f"{sum(each.shot.broken for each in rounds)}",
        )
        for name, rounds in sends.accepted.items()
    ]
    head = ("", "answered", "there", "lost", "unexplained", "error answers", "broken connections")
    yield from table(head, rows)
    yield ""
    answered = sum(each.answered for each in sends.paced)
    found = sum(each.found for each in sends.paced)
    yield f"At the fixed rate each `queue_id` was looked up: {found:,} of {answered:,} are there."


def _held(held: list[int | None]) -> str:
    there = [count for count in held if count is not None]
    return f"{sum(there):,}" if there else ""
