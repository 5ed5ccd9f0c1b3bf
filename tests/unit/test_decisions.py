"""Decisions can be found: each has its page, and each page stands in its index."""

import re
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = ROOT / "docs/decisions"
DEPENDENCIES = DECISIONS / "dependencies"
PARTS = ("For", "Why this one", "Licence", "How alive", "Without it")


def direct_dependencies() -> set[str]:
    """The names of the packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"], *project["dependency-groups"].values()]
    return {re.split(r"[^\w.-]", requirement)[0] for group in groups for requirement in group}


def pages(folder: Path) -> set[str]:
    return {page.stem for page in folder.glob("*.md")} - {"README"}


@pytest.mark.parametrize("folder", [DECISIONS, DEPENDENCIES], ids=lambda folder: folder.name)
def test_the_index_names_exactly_the_pages(folder: Path) -> None:
    index = (folder / "README.md").read_text()

    assert set(re.findall(r"^\| \[[^]]+\]\(([^)/]+)\.md\)", index, re.MULTILINE)) == pages(folder)


def test_the_direct_dependencies_are_exactly_those_that_have_a_page() -> None:
    assert direct_dependencies() == pages(DEPENDENCIES)


@pytest.mark.parametrize("name", sorted(direct_dependencies()))
def test_a_page_tells_use_reason_licence_life_and_way_out(name: str) -> None:
    page = (DEPENDENCIES / f"{name}.md").read_text()

    assert page.startswith(f"# {name}: ")
    assert re.findall(r"^\*\*([\w ]+)\.\*\*", page, re.MULTILINE) == list(PARTS)


@pytest.mark.parametrize("name", sorted(direct_dependencies()))
def test_a_page_tells_the_licence_that_the_package_states(name: str) -> None:
    page = (DEPENDENCIES / f"{name}.md").read_text()
    [told] = re.findall(r"^\*\*Licence\.\*\* (.+)", page, re.MULTILINE)
    stated = metadata(name).get("License-Expression")

    assert stated is None or set(stated.split()) - {"AND", "OR"} <= set(
        re.findall(r"[\w.-]+\w", told)
    )
