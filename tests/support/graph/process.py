"""The fake Graph as a process of its own, as tests and judges hold it."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.graph.notes import Post
from tests.support.graph.world import (
    APP_SECRET,
    BUSINESS,
    NUMBER,
    TOKEN,
    VERIFY_TOKEN,
)

ROOT = Path(__file__).parents[3]
SECONDS = 30


@dataclass(frozen=True)
class GraphProcess:
    """A running fake Graph. Its `notes` outlive it."""

    url: str
    notes: Path

    @classmethod
    @contextmanager
    def started(cls, folder: Path, port: int = 0) -> Iterator["GraphProcess"]:
        """One for the length of a block, its notes in this folder."""
        notes = folder / "graph.jsonl"
        command = [sys.executable, "-m", "tests.support.graph", "--notes", str(notes)]
        with subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            try:
                assert process.stdout is not None
                url = process.stdout.readline().decode().strip()
                assert url, "the fake Graph did not start"
                yield cls(url, notes)
            finally:
                process.kill()

    def tell(self, what: str, **told: Any) -> Any:
        """POST /control/`what`; what it answers."""
        return self._asked(f"/control/{what}", json.dumps(told).encode())

    def fail(self, *rules: dict[str, Any], seed: str = "", **chances: float) -> None:
        """From now on fail so; without arguments: no more."""
        self.tell("faults", rules=list(rules), seed=seed, chances=chances)

    def posts(self) -> list[Post]:
        """All it was posted so far, in order."""
        whole, _, _ = self.notes.read_text().rpartition("\n")
        return [Post(**json.loads(line)) for line in whole.splitlines()]

    def state(self) -> dict[str, Any]:
        """How many updates wait, what was called how often, and what was delivered."""
        found: dict[str, Any] = self._asked("/control/state")
        return found

    def device(self, **changes: str) -> dict[str, str]:
        """The `config` of a cloud device that sends through the number it begins with."""
        return {
            "phone_number_id": NUMBER,
            "access_token": TOKEN,
            "app_secret": APP_SECRET,
            "verify_token": VERIFY_TOKEN,
            "business_account_id": BUSINESS,
            "graph_url": self.url,
            **changes,
        }

    def _asked(self, path: str, body: bytes | None = None) -> Any:
        try:
            with urllib.request.urlopen(self.url + path, body, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.read().decode()}") from error
