"""Runs the fake Graph until its standard input ends."""

import argparse
import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path

from tests.support.graph.server import serving


async def main(notes: Path | None, port: int) -> None:
    with nullcontext() if notes is None else notes.open("a") as file:
        async with serving(file, port) as graph:
            print(graph.url, flush=True)
            # Our starter holds the other end: it ends with them, however they end.
            await asyncio.to_thread(sys.stdin.read)


parser = argparse.ArgumentParser(prog="python -m tests.support.graph")
parser.add_argument("--notes", type=Path, help="a file to which every post is added")
parser.add_argument("--port", type=int, default=0, help="0: a free one; its address is printed")
asyncio.run(main(**vars(parser.parse_args())))
