"""Memory of processes, from the kernel's own books."""

from collections import Counter
from dataclasses import dataclass

from bench.processes import PROC, tree

KIB_PER_MIB = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """What processes of one part hold, in MiB; `pss` counts shared pages by their share."""

    part: str
    processes: int
    pss: float
    rss: float


def of_process(pid: int) -> float:
    """What one process holds for itself alone, in MiB."""
    held = _held(pid)
    return (held["Private_Clean"] + held["Private_Dirty"]) / KIB_PER_MIB


def of_server(supervisor: int, port: int) -> list[Memory]:
    """What supervisor, API (it listens on `port`), worker and PostgreSQL hold when idle."""
    pss: Counter[str] = Counter()
    rss: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for pid in tree(supervisor):
        part = _part(pid, supervisor, port)
        held = _held(pid)
        pss[part] += held["Pss"]
        rss[part] += held["Rss"]
        count[part] += 1
    return [Memory(p, count[p], pss[p] / KIB_PER_MIB, rss[p] / KIB_PER_MIB) for p in count]


def _part(pid: int, supervisor: int, port: int) -> str:
    if (PROC / str(pid) / "comm").read_text().startswith("postgres"):
        return "PostgreSQL"
    if pid == supervisor:
        return "supervisor"
    return "API" if _listens(pid, port) else "worker"


def _listens(pid: int, port: int) -> bool:
    ours = f"0100007F:{port:04X}"
    rows = [line.split() for line in (PROC / "net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == ours and row[3] == "0A"}
    links = (PROC / str(pid) / "fd").iterdir()
    return any(str(link.readlink()) in sockets for link in links)


def _held(pid: int) -> dict[str, int]:
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
