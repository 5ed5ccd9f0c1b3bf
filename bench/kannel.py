"""Kannel with its HTTP interface, its fake SMSC and a spool store: the C gateway beside us."""

import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.load import Target
from bench.processes import free_port, listens, running, wait_until

FAKE_SMSC = "/usr/lib/kannel/test/fakesmsc"
START_SECONDS = 15
QUIET = ("-v", "4")  # logs only what ends it: the fastest it can be
PASSWORD = "bench"

CONFIG = """\
group = core
admin-port = {admin}
admin-password = {password}
status-password = {password}
smsbox-port = {boxes}
box-allow-ip = "127.0.0.1"
store-type = spool
store-location = "{spool}"

group = smsc
smsc = fake
port = {smsc}
connect-allow-ip = "127.0.0.1"

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}

group = sendsms-user
username = bench
password = {password}
"""


@dataclass(frozen=True, slots=True)
class Kannel:
    """A running Kannel."""

    target: Target
    admin_port: int
    processes: tuple[int, ...]

    def held(self) -> int:
        """How many messages its bearerbox took: those sent and those still queued."""
        found = re.search(r"SMS:.* sent (\d+) \((\d+) queued\)", self._status())
        return sum(int(count) for count in found.groups()) if found else 0

    def version(self) -> str:
        found = re.search(r"version `([^']+)'", self._status())
        return found.group(1) if found else "unknown"

    def is_online(self) -> bool:
        status = self._status()
        return "smsbox:" in status and "online" in status.partition("SMSC connections")[2]

    def _status(self) -> str:
        url = f"http://127.0.0.1:{self.admin_port}/status.txt?password={PASSWORD}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text


def missing() -> str | None:
    """Why Kannel cannot be measured; None when it can."""
    absent = [
        package
        for package, there in (
            ("kannel", shutil.which("bearerbox") and shutil.which("smsbox")),
            ("kannel-extras", _fake_smsc()),
        )
        if not there
    ]
    if not absent:
        return None
    return f"Kannel is not installed: apt-get install {' '.join(absent)}"


def _fake_smsc() -> str:
    return shutil.which("fakesmsc") or shutil.which(FAKE_SMSC) or ""


@contextmanager
def kannel(folder: Path) -> Iterator[Kannel]:
    """Bearerbox, fake SMSC and smsbox on free ports, with a fresh spool in `folder`."""
    spool = folder / "spool"
    spool.mkdir()
    ports = {name: free_port() for name in ("admin", "boxes", "smsc", "sendsms")}
    config = folder / "kannel.conf"
    config.write_text(CONFIG.format(password=PASSWORD, spool=spool, **ports))
    target = Target(f"http://127.0.0.1:{ports['sendsms']}", "kannel")
    log = folder / "kannel.log"
    smsc = [
        _fake_smsc(),
        *QUIET,
        "-H",
        "127.0.0.1",
        "-r",
        str(ports["smsc"]),
        "-m",
        "0",
        "1 2 text x",
    ]
    with running(["bearerbox", *QUIET, config], log, stop_seconds=3) as bearerbox:
        for port in ("admin", "boxes", "smsc"):
            _wait(bearerbox, log, ports[port])
        with running(smsc, log) as fake, running(["smsbox", *QUIET, config], log) as smsbox:
            _wait(smsbox, log, ports["sendsms"])
            boxes = (bearerbox.pid, fake.pid, smsbox.pid)
            found = Kannel(target, ports["admin"], boxes)
            wait_until(found.is_online, "Kannel's fake SMSC", START_SECONDS, bearerbox, log)
            yield found


def _wait(process: subprocess.Popen[bytes], log: Path, port: int) -> None:
    wait_until(lambda: listens(port), "Kannel", START_SECONDS, process, log)
