"""An official number at the fake Graph."""

from collections.abc import AsyncIterator

import pytest
from tests.support.one_file import OneFile
from tests.support.rigs import Official, official


@pytest.fixture
async def number() -> AsyncIterator[Official]:
    """A connected official number, and the one file that is kept with us."""
    async with official(OneFile()) as made:
        assert await made.driver.connect([]) is None
        yield made
        await made.driver.close()
