"""The commands of the documentation work when they are typed one after another.

A block that begins with ```sh run is run; a ```json block after it shows its answer.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract import page
from tests.support.graph.process import GraphProcess
from tests.support.server import ADMIN_PASSWORD, Server

ROOT = Path(__file__).parents[2]
URL, GRAPH_URL = "http://127.0.0.1:8080", "https://graph.facebook.com"
PAGES = ["README.md", "docs/quickstart.md", "docs/official-numbers.md"]
ALL_PAGES = sorted(
    path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
)
END = "--- end of a block ---"

# curl ends with an error where the answer is one, so that bash -e stops there.
PREAMBLE = """set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"""


@dataclass(frozen=True)
class Step:
    """A block that is run, and the answer that the page shows for it."""

    commands: str
    answer: dict[str, Any] | None


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[GraphProcess]:
    with GraphProcess.started(tmp_path) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, graph: GraphProcess) -> Iterator[Server]:
    with Server.started(tmp_path / "data", CLOUD_GRAPH_URL=graph.url) as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_work_in_order(
    server: Server, graph: GraphProcess, tmp_path: Path, name: str
) -> None:
    steps = list(_steps((ROOT / name).read_text("utf-8")))
    assert len(steps) >= 3
    blocks = [f"{step.commands}\nprintf '\\n{END}\\n'\n" for step in steps]
    script = PREAMBLE + "".join(blocks).replace(URL, server.url).replace(GRAPH_URL, graph.url)
    (tmp_path / "menu.pdf").write_bytes(b"%PDF-1.7\n")

    ended = _run_in_bash(script, tmp_path, _chosen(server, graph))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    outputs = ended.stdout.split(END)
    for step, output in zip(steps, outputs, strict=False):
        if step.answer is not None:
            assert page.differences(step.answer, json.loads(output)) == [], step.commands


@pytest.mark.parametrize("name", ALL_PAGES, ids=str)
def test_the_links_of_a_page_lead_somewhere(name: Path) -> None:
    text = (ROOT / name).read_text("utf-8")
    links = re.findall(r"\]\((?!https?://)([^)#\s]+)", text)

    assert [link for link in links if not (ROOT / name.parent / link).exists()] == []


def test_the_readme_names_every_command() -> None:
    help = subprocess.run(
        [sys.executable, "-m", "waypost", "--help"],
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    readme = (ROOT / "README.md").read_text("utf-8")

    commands = re.findall(r"^│ ([a-z]+) ", help.stdout, re.MULTILINE)
    assert len(commands) > 4
    assert [command for command in commands if f"`waypost {command}" not in readme] == []


def _steps(text: str) -> Iterator[Step]:
    blocks = re.findall(r"^```([\w ]+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    after = [*blocks[1:], ("", "")]
    for (kind, body), (next_kind, next_body) in zip(blocks, after, strict=True):
        if kind == "sh run":
            yield Step(body, json.loads(next_body) if next_kind == "json" else None)


def _chosen(server: Server, graph: GraphProcess) -> dict[str, str]:
    """What a reader is asked to set."""
    config = graph.device()
    names = ("phone_number_id", "business_account_id", "access_token", "app_secret", "verify_token")
    chosen = {name.upper(): config[name] for name in names}
    return chosen | {"ADMIN_PASSWORD": ADMIN_PASSWORD, "PUBLIC_URL": server.url}


def _run_in_bash(
    script: str, folder: Path, chosen: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=os.environ | chosen,
        capture_output=True,
        text=True,
        timeout=60,
    )
