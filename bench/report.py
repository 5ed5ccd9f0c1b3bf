"""RESULTS.md: ratios first, then the machine, then every number."""

from collections.abc import Iterator, Sequence

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
from bench.plan import BULK_CONNECTIONS, CONNECTIONS, PACED_PER_SECOND, Plan
from bench.results import Figure, Results

AIMS = {ONE: 0.8, TWO: 1.0}
API_MEMORY_AIM = 120
NOT_MEASURED = "not measured"

Row = Sequence[str]


def render(results: Results, plan: Plan) -> str:
    """The whole page."""
    parts = (
        _head(results, plan),
        _ratios(results),
        _machine(results),
        _singles(results),
        _bulk(results),
        _paced(results),
        _starts(results),
        _memory(results),
        _checks(results),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(results: Results, plan: Plan) -> Iterator[str]:
    yield "# Bench results"
    yield ""
    yield (
        f"Written by `make bench`: everything below comes from one run of {plan.rounds} round(s),"
        " in each of which every contestant had its turn. A number is the median of the rounds,"
        " with the least and the most in brackets. What is measured, and how: "
        "[README.md](README.md)."
    )
    for notice in results.notices:
        yield ""
        yield f"> **{notice}**"


def _ratios(results: Results) -> Iterator[str]:
    yield "## Ratios"
    yield ""
    yield "Durable single sends accepted per second, each over the same round's other."
    yield ""
    names = (ONE, TWO, TWO_UNLIMITED, ONE_SENDING, TWO_SENDING)
    rows = [
        (
            name,
            _ratio(results.ratio(name, KANNEL), AIMS.get(name)),
            _ratio(results.ratio(name, BARE)),
        )
        for name in names
    ]
    yield from _table(("", "over Kannel", "over a bare ASGI server"), rows)


def _ratio(figure: Figure | None, aim: float | None = None) -> str:
    if figure is None:
        return NOT_MEASURED
    if aim is None:
        return figure.show(2)
    verdict = "met" if figure.middle >= aim else "missed"
    return f"**{figure.show(2)}**, aim ≥ {aim}: {verdict}"


def _machine(results: Results) -> Iterator[str]:
    yield "## Machine"
    yield ""
    yield from _table(("", ""), list(results.machine.items()))


def _singles(results: Results) -> Iterator[str]:
    yield f"## Single sends, {CONNECTIONS} connections"
    yield ""
    rows = [
        (
            name,
            results.rate(name).show(),
            Figure.of([each.shot.p50_ms for each in rounds]).show(1),
            Figure.of([each.shot.p99_ms for each in rounds]).show(1),
            Figure.of([each.cpu_microseconds for each in rounds]).show(),
            _sent_meanwhile(results, name),
        )
        for name, rounds in results.accepted.items()
        if name != BULK
    ]
    head = ("", "accepted/s", "p50 ms", "p99 ms", "CPU µs/message", "sent/s meanwhile")
    yield from _table(head, rows)
    yield ""
    yield (
        "CPU is the time of all of a contestant's processes, PostgreSQL and SMSC included;"
        " what else the machine does moves it less than it moves the rates."
    )
    yield ""
    yield f"From a backlog, without new sends, one worker sent {_backlog(results)} messages/s."


def _sent_meanwhile(results: Results, name: str) -> str:
    rates = [r.sent / r.shot.seconds for r in results.accepted[name] if r.sent is not None]
    return Figure.of(rates).show() if rates else ""


def _backlog(results: Results) -> str:
    return Figure.of(results.backlog).show() if results.backlog else NOT_MEASURED


def _bulk(results: Results) -> Iterator[str]:
    rounds = results.accepted[BULK]
    p99 = Figure.of([each.shot.p99_ms for each in rounds])
    yield f"## Bulk sends of 200, {BULK_CONNECTIONS} connections"
    yield ""
    yield f"Recipients accepted per second: {results.rate(BULK).show()}; p99 {p99.show(1)} ms."


def _paced(results: Results) -> Iterator[str]:
    figures = (
        (
            "accepted",
            [each.shot.p50_ms for each in results.paced],
            [e.shot.p99_ms for e in results.paced],
        ),
        (
            "accepted → Sent",
            [e.sent.p50_ms for e in results.paced],
            [e.sent.p99_ms for e in results.paced],
        ),
    )
    rate = Figure.of([each.shot.per_second for each in results.paced])
    yield f"## Latency at a fixed rate of {PACED_PER_SECOND} sends/s, the worker beside"
    yield ""
    rows = [(what, Figure.of(p50).show(1), Figure.of(p99).show(1)) for what, p50, p99 in figures]
    yield from _table(("", "p50 ms", "p99 ms"), rows)
    yield ""
    yield f"Measured rate: {rate.show()} sends/s."


def _starts(results: Results) -> Iterator[str]:
    yield "## Time to the first ready answer"
    yield ""
    rows = [
        ("new data directory", Figure.of([each.new for each in results.starts]).show(2)),
        ("old data directory", Figure.of([each.old for each in results.starts]).show(2)),
    ]
    yield from _table(("", "seconds"), rows)


def _memory(results: Results) -> Iterator[str]:
    yield "## Idle memory"
    yield ""
    rows = [
        (m.part, str(m.processes), f"{m.pss:.0f}", f"{m.rss:.0f}")
        for m in sorted(results.memory, key=lambda m: m.part)
    ]
    yield from _table(("", "processes", "PSS MiB", "RSS MiB"), rows)
    for api in (m for m in results.memory if m.part == "API"):
        verdict = "met" if api.rss <= API_MEMORY_AIM else "missed"
        yield ""
        yield f"Aim for the API process: ≤ {API_MEMORY_AIM} MB resident: {verdict}."


def _checks(results: Results) -> Iterator[str]:
    yield "## What was answered and what was there"
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
        for name, rounds in results.accepted.items()
    ]
    head = ("", "answered", "there", "lost", "unexplained", "error answers", "broken connections")
    yield from _table(head, rows)
    yield ""
    answered = sum(each.answered for each in results.paced)
    found = sum(each.found for each in results.paced)
    yield f"At the fixed rate each `queue_id` was looked up: {found:,} of {answered:,} are there."


def _held(held: list[int | None]) -> str:
    there = [count for count in held if count is not None]
    return f"{sum(there):,}" if there else ""


def _table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
