"""A real `waypost serve`, as a process, for tests that speak HTTP to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ADMIN_PASSWORD = "correct-horse-battery"
START_SECONDS = 60.0


@dataclass
class Server:
    """One running server. `url` has no trailing slash and no /api."""

    data_dir: Path
    environ: dict[str, str] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    process_group: int | None = None  # 0: one of its own, as a terminal gives it

    @classmethod
    @contextmanager
    def started(cls, data_dir: Path, *flags: str, **environ: str) -> Iterator["Server"]:
        """A server for the length of a block; settings as WAYPOST_* names without the prefix."""
        settings = {f"WAYPOST_{name}": value for name, value in environ.items()}
        server = cls(data_dir, settings, list(flags), free_port())
        server.start()
        try:
            yield server
        finally:
            server.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """What all its processes have written."""
        return self.log_path.read_text(errors="replace")

    @property
    def log_path(self) -> Path:
        return self.data_dir / "server.log"

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start, and do not wait."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "waypost", "serve", "--data-dir", str(self.data_dir)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port), *self.flags],
                stdout=log,
                stderr=log,
                env=own_environ() | {"WAYPOST_ADMIN_PASSWORD": ADMIN_PASSWORD} | self.environ,
                process_group=self.process_group,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert self.process is not None
            assert self.process.poll() is None, f"the server ended:\n{self.log}"
            assert time.monotonic() < deadline, f"the server is not ready:\n{self.log}"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        path = "/healthz" if "--no-worker" in self.flags else "/readyz"
        try:
            return httpx.get(self.url + path, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self, seconds: float = 20.0) -> int:
        """Ask it to stop, and wait; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def children(self) -> dict[str, int]:
        """Process ids of its direct children, by the end of their command line."""
        return {command_of(pid): pid for pid in children_of(self.pid)}

    # What tests do most.

    def register(self, username: str, password: str = "password123") -> int:
        answer = self.post("/api/auth/register", {"username": username, "password": password})
        assert answer.status_code == 201, answer.text
        user_id: int = answer.json()["user_id"]
        return user_id

    def login(self, username: str, password: str = "password123") -> str:
        answer = self.post("/api/auth/login", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def admin(self) -> str:
        """A token of the administrator."""
        return self.login("admin", ADMIN_PASSWORD)

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        return self.request("GET", path, token=token)

    def post(self, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        return self.request("POST", path, body, token)

    def request(
        self, method: str, path: str, body: Any = None, token: str | None = None
    ) -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.request(method, self.url + path, json=body, headers=headers, timeout=30)


def own_environ() -> dict[str, str]:
    """This process's environment without anybody's Waypost settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def command_of(pid: int) -> str:
    parts = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return " ".join(part for part in parts if part)
