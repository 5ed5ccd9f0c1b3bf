"""What administrators decide about messages, with its line in the audit log."""

from typing import Literal

from waypost.admin import audit
from waypost.kit.clock import Clock
from waypost.kit.db import Database, Tx
from waypost.kit.errors import Conflict
from waypost.messages import find
from waypost.messages import resolve as messages
from waypost.messages.model import Message, Status

Outcome = Literal["sent", "delivered", "read", "failed"]

NOT_UNCERTAIN = "The message is {}: only what is Uncertain can be resolved."


async def resolve(
    db: Database, clock: Clock, actor_id: int, queue_id: str, outcome: Outcome
) -> tuple[int, Message]:
    """Write what became of an `Uncertain` message; returns whose it is, and how it stands then."""

    async def work(tx: Tx) -> tuple[int, Message]:
        user, found = await find.of_anybody(tx, queue_id)
        to = Status(outcome.capitalize())
        if not await messages.resolve(tx, user, found.id, to, clock):
            _, now = await find.of_anybody(tx, queue_id)
            raise Conflict(NOT_UNCERTAIN.format(now.status))
        target, detail = f"message:{queue_id}", {"user_id": user, "outcome": outcome}
        await audit.record(tx, clock.now(), actor_id, "message.resolved", target, detail)
        return await find.of_anybody(tx, queue_id)

    return await db.transact(work)
