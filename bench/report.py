"""RESULTS.md: ratios first, then the machine, then every number."""

from collections.abc import Iterator

from bench.figures import table
from bench.plan import Plan
from bench.run import Run


def render(run: Run, plan: Plan) -> str:
    """The whole page."""
    parts = [_head(run, plan), _ratios(run), _machine(run)]
    parts += [iter(found.details()) for found in run.found]
    return "\n\n".join("\n".join(part).rstrip() for part in parts) + "\n"


def _head(run: Run, plan: Plan) -> Iterator[str]:
    yield "# Bench results"
    yield ""
    yield (
        f"Written by `make bench`: everything below comes from one run of {plan.rounds} round(s),"
        " in each of which all that is compared had its turn. A number is the median of the rounds,"
        " with the least and the most in brackets. What is measured, and how: "
        "[README.md](README.md)."
    )
    for notice in run.notices:
        yield ""
        yield f"> **{notice}**"


def _ratios(run: Run) -> Iterator[str]:
    yield "## Ratios"
    yield ""
    rows = [ratio.row for found in run.found for ratio in found.ratios]
    yield from table(("", "measured", "aim"), rows)


def _machine(run: Run) -> Iterator[str]:
    yield "## Machine"
    yield ""
    yield from table(("", ""), list(run.machine.items()))
