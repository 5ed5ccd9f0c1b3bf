"""The load generator: wrk with one Lua script for every contestant."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.processes import BenchError

SCRIPT = Path(__file__).with_name("load.lua")
GRACE_SECONDS = 30
NONE = "-"


@dataclass(frozen=True, slots=True)
class Target:
    """Who is loaded, and with which kind of request (see load.lua)."""

    url: str
    kind: str
    tokens: str = NONE


@dataclass(frozen=True, slots=True)
class Load:
    """How it is loaded: closed loop, or `per_second` requests spread over the connections."""

    connections: int
    seconds: int
    per_second: int = 0
    ids: str = NONE

    @property
    def delay_ms(self) -> int:
        return round(1000 * self.connections / self.per_second) if self.per_second else 0


@dataclass(frozen=True, slots=True)
class Shot:
    """What wrk saw: only answers below 400 are `accepted`; latencies in milliseconds."""

    accepted: int
    refused: int
    broken: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.accepted / self.seconds


def missing() -> str | None:
    """Why there can be no load; None when there can."""
    if shutil.which("wrk"):
        return None
    return "wrk, the load generator, is not installed: apt-get install wrk"


def fire(target: Target, load: Load, seed: int) -> Shot:
    """Load the target once."""
    command = [
        *("wrk", "--threads", "1", "--connections", str(load.connections)),
        *("--duration", f"{load.seconds}s", "--timeout", "10s", "--script", str(SCRIPT)),
        *(target.url, "--", target.kind, target.tokens, str(seed), str(load.delay_ms), load.ids),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=load.seconds + GRACE_SECONDS
    )
    if done.returncode or not done.stdout.strip():
        raise BenchError(f"wrk failed: {done.stdout} {done.stderr}")
    return _shot(json.loads(done.stdout.splitlines()[-1]))


def _shot(seen: dict[str, float]) -> Shot:
    refused = int(seen["refused"])
    return Shot(
        accepted=int(seen["requests"]) - refused,
        refused=refused,
        broken=int(seen["broken"]),
        seconds=seen["seconds"],
        p50_ms=seen["p50_ms"],
        p99_ms=seen["p99_ms"],
    )
