"""One Graph for each test."""

from collections.abc import AsyncIterator

import pytest
from tests.support.graph.business import Business, business


@pytest.fixture
async def shop() -> AsyncIterator[Business]:
    """A business at a Graph of its own."""
    async with business() as made:
        yield made
