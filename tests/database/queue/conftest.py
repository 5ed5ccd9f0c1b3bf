import asyncpg
import pytest

from tests.database.queue.yard import Yard
from waypost.kit.db import Database


@pytest.fixture
async def yard(db: Database, connection: asyncpg.Connection) -> Yard:
    """The verbs of the queue on this test's database."""
    return Yard(db, connection)
