"""The machine and the versions that the numbers belong to."""

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

WATCH_SECONDS = 1.0


def describe(folder: Path) -> dict[str, str]:
    """What a reader needs in order to compare; no names, no paths."""
    return {
        "Processor": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "Memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 1_048_576:.1f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "File system": _file_system(folder),
        "Python": platform.python_version(),
        "ASGI": ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "httptools")),
        "Processor busy before the run": f"{_busy():.0%}",
    }


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _file_system(folder: Path) -> str:
    command = ["df", "--output=fstype", str(folder)]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()[-1]


def _busy() -> float:
    """Share of the processors that others use: it takes from every number of the run."""
    before = _ticks()
    time.sleep(WATCH_SECONDS)
    used = [now - then for now, then in zip(_ticks(), before, strict=True)]
    idle = used[3] + used[4]
    return 1 - idle / sum(used)


def _ticks() -> list[int]:
    first = Path("/proc/stat").read_text().splitlines()[0]
    return [int(number) for number in first.split()[1:9]]
