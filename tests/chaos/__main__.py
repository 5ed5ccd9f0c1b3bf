"""`make chaos`: rounds in which everything breaks; a seed that was printed plays its round again.

WAYPOST_TEST_SEED plays one round's seed first, the others follow from it.
"""

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.crew import Postgres
from tests.chaos.report import Report, table
from tests.chaos.round import MANNERS, WIRES, parted, play
from tests.support.databases import Template, make_template

ANSWERS = 1000
console = Console(highlight=False)


def main() -> None:
    """Play the rounds, show a table, and end with 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--kind", choices=WIRES, help="of devices; without it all in turn")
    parser.add_argument("--answers", type=int, default=ANSWERS, help="of a round's load")
    given = parser.parse_args()
    seeds = seeds_from(os.environ.get("WAYPOST_TEST_SEED"), given.rounds, given.kind)
    folder = Path(tempfile.mkdtemp(prefix="waypost-chaos-"))
    with Postgres.started(folder / "data") as postgres:
        template = asyncio.run(make_template(postgres.url))
        reports = _rounds(seeds, postgres, template, folder, given.answers)
    console.print(table(reports))
    for report in reports:
        if report.breaches:
            console.print(str(report), markup=False, soft_wrap=True)
    sys.exit(any(report.breaches for report in reports))


def seeds_from(first: str | None, rounds: int, kind: str | None) -> list[str]:
    """One seed for each round, the manners in turn; all follow from the first."""
    random = Random(first or secrets.token_hex(8))
    manners = [manner for manner in MANNERS if kind in (None, parted(f"{manner}-")[0])]
    seeds = [f"{manners[n % len(manners)]}-{random.randbytes(4).hex()}" for n in range(rounds)]
    return [first, *seeds[1:]] if first else seeds


def _rounds(
    seeds: list[str], postgres: Postgres, template: Template, folder: Path, answers: int
) -> list[Report]:
    reports = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("chaos", total=len(seeds), now="")
        for seed in seeds:
            home = folder / seed
            home.mkdir()

            def tell(now: str, seed: str = seed) -> None:
                progress.update(task, now=f"{seed}: {now}")

            report = asyncio.run(play(seed, postgres, template, home, answers, tell))
            (home / "report.txt").write_text(str(report))
            reports.append(report)
            progress.advance(task)
            if report.breaches:
                progress.print(f"{seed}: {len(report.breaches)} breaches, {report.breaches[0]}")
    return reports


if __name__ == "__main__":
    main()
