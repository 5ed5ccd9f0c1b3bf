"""Short rounds of `make chaos`: no promise is broken while everything breaks.

A failure shows its seed, its faults and the whole story of the messages concerned; with that in
WAYPOST_TEST_SEED the round is played again.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.crew import Postgres
from tests.chaos.round import play
from tests.support.databases import Template, make_template

ANSWERS = 200
GIVEN = os.environ.get("WAYPOST_TEST_SEED", "")
IN_SHORT = ("repeats", "resend", "cloud-hold")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A cluster of its own: the others' would not like to be killed."""
    with Postgres.started(tmp_path_factory.mktemp("chaos")) as running:
        yield running


@pytest.fixture(scope="module")
def furnished(postgres: Postgres) -> Template:
    return asyncio.run(make_template(postgres.url))


@pytest.mark.parametrize("manner", [GIVEN.rpartition("-")[0]] if "-" in GIVEN else IN_SHORT)
async def test_no_promise_is_broken(
    postgres: Postgres, furnished: Template, tmp_path: Path, manner: str
) -> None:
    seed = GIVEN if "-" in GIVEN else f"{manner}-{secrets.token_hex(4)}"
    print(f"WAYPOST_TEST_SEED={seed}")
    report = await play(seed, postgres, furnished, tmp_path, ANSWERS, print)

    assert not report.breaches, str(report)
    assert len(report.evidence.messages) > ANSWERS
