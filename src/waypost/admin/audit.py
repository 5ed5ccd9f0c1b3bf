"""What admins did: written in the same transaction as the deed."""

from collections.abc import Mapping
from datetime import datetime

from waypost.admin import store
from waypost.admin.model import Deed
from waypost.kit.db import Tx
from waypost.kit.page import PageAsk, Slice, below


async def record(
    tx: Tx,
    at: datetime,
    actor_id: int | None,
    action: str,
    target: str,
    detail: Mapping[str, object],
) -> None:
    """Note who did what to what (no actor: from the shell); `detail` must hold no secrets."""
    await store.record(tx, at, actor_id, action, target, detail)


async def page(tx: Tx, ask: PageAsk) -> Slice[Deed]:
    """Deeds, newest first, from the cursor on."""
    rows = await store.deeds(tx, below(ask.cursor), ask.per_page + 1)
    shown = rows[: ask.per_page]
    return Slice(shown, shown[-1].id if len(rows) > ask.per_page else None)
