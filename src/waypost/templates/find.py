"""Templates for a batch of sends."""

from collections.abc import Sequence

from waypost.kit.db import Tx
from waypost.templates import store
from waypost.templates.model import Wording

Key = tuple[int, int]
"""An account's id, and the id of one of its templates."""

_LAST_ID = 2**63 - 1


async def wordings(tx: Tx, keys: Sequence[Key]) -> dict[Key, Wording]:
    """What those say that exist and are the account's own, in one statement."""
    possible = [key for key in keys if 0 < key[1] <= _LAST_ID]
    return await store.wordings(tx, possible) if possible else {}
