"""SQL of the keys that the machines of this database use."""

from datetime import datetime

from waypost.kit.db import Tx

# Two machines that start at once: the second waits, and finds what the first wrote.
ADD = """
insert into keys_in_use (name, fingerprint, since) values ($1, $2, $3) on conflict do nothing
"""

HELD = "select fingerprint from keys_in_use where name = $1 for update"

REPLACE = "update keys_in_use set fingerprint = $2, since = $3 where name = $1"


async def held(tx: Tx, name: str, fingerprint: str, at: datetime) -> str:
    """The fingerprint that is in use; the given one where there was none."""
    await tx.execute(ADD, name, fingerprint, at)
    found: str = await tx.fetchval(HELD, name)
    return found


async def replace(tx: Tx, name: str, fingerprint: str, at: datetime) -> None:
    """Another key is in use from now on."""
    await tx.execute(REPLACE, name, fingerprint, at)
