"""`python -m bench [--quick]`: one run, then RESULTS.md."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from bench.plan import FULL, QUICK
from bench.processes import BenchError
from bench.report import render
from bench.run import run

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run and write the page; exit with 1 where something answered is not there."""
    parser = ArgumentParser(prog="python -m bench", description="Measure Waypost.")
    parser.add_argument("--quick", action="store_true", help="a smoke run of about a minute")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the page to write")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    console = Console()
    # As Ctrl-C does: everything that was started is stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        results = run(plan, console)
    except BenchError as error:
        sys.exit(str(error))
    page = render(results, plan)
    given.output.write_text(page)
    console.print(Markdown(page))
    for fault in results.faults:
        console.print(fault, style="bold red")
    sys.exit(1 if results.faults else 0)


if __name__ == "__main__":
    main()
