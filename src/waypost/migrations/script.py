"""Runs a step's plain SQL, many statements at once, on Alembic's connection."""

from importlib.resources import files
from typing import Any

from alembic import op


def text_of(name: str) -> str:
    """The SQL file of a step."""
    return files("waypost.migrations").joinpath(name).read_text("utf-8")


def run(script: str) -> None:
    """Run the script inside the step's transaction; waits for no lock longer than 5 s."""
    # A statement through SQLAlchemy first: it opens the transaction that the script joins.
    op.execute("set local lock_timeout = '5s'")
    connection: Any = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda bare: bare.execute(script))
