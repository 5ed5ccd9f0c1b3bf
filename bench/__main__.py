"""`python -m bench [SECTION…] [--quick]`: one run; of all sections it becomes RESULTS.md."""

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown

from bench.plan import FULL, QUICK
from bench.processes import BenchError
from bench.report import render
from bench.run import SECTIONS, run

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run and write the page; exit with 1 where something happened that must not."""
    parser = ArgumentParser(prog="python -m bench", description="Measure Waypost.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="small sizes, a smoke run")
    parser.add_argument("--output", type=Path, help="the page to write")
    given = parser.parse_args()
    if unknown := set(given.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    names = [name for name in SECTIONS if name in given.sections or not given.sections]
    plan = QUICK if given.quick else FULL
    console = Console()
    # As Ctrl-C does: everything that was started is stopped on the way out.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        results = run(plan, names, console)
    except BenchError as error:
        sys.exit(str(error))
    page = render(results, plan)
    # A part of the sections is only shown, unless somebody wants it written.
    if output := given.output or (None if given.sections else RESULTS):
        output.write_text(page)
    console.print(Markdown(page))
    for fault in results.faults:
        console.print(fault, style="bold red")
    sys.exit(1 if results.faults else 0)


if __name__ == "__main__":
    main()
