"""Routes of bulks as a whole."""

from typing import Annotated, Any

from fastapi import Depends, Request

from waypost.accounts.guard import Member, Reader
from waypost.kit.routing import Db, Time, contract_router
from waypost.messages import batches, show
from waypost.messages import pause as pausing
from waypost.messages.answers import BatchAnswer
from waypost.messages.cancel import cancel_batch
from waypost.queue.bell import Bell
from waypost.queue.model import lane_of

router = contract_router("/api/messages/batches", "Messages")


def _bell(request: Request) -> Bell:
    bell: Bell = request.app.state.bell
    return bell


@router.get("/{batch_id}", response_model=BatchAnswer)
async def read_batch(db: Db, time: Time, me: Reader, batch_id: str) -> dict[str, Any]:
    """How far a bulk is: how many of its messages have each status."""
    async with db.read() as tx:
        return show.batch(await batches.get(tx, me.account_id, batch_id, time.now()))


@router.post("/{batch_id}/pause", response_model=BatchAnswer)
async def pause_batch(db: Db, time: Time, me: Member, batch_id: str) -> dict[str, Any]:
    """Keep what has not left from leaving; its time to wait goes on."""
    return show.batch(
        await db.transact(lambda tx: pausing.pause(tx, me.account_id, batch_id, time))
    )


@router.post("/{batch_id}/resume", response_model=BatchAnswer)
async def resume_batch(
    db: Db, time: Time, me: Member, bell: Annotated[Bell, Depends(_bell)], batch_id: str
) -> dict[str, Any]:
    """Let a paused batch go on, behind what waits by now."""
    found = await db.transact(lambda tx: pausing.resume(tx, me.account_id, batch_id, time))
    bell.ring(lane_of(me.pool_id))
    return show.batch(found)


@router.post("/{batch_id}/cancel", response_model=BatchAnswer)
async def cancel_the_rest(db: Db, time: Time, me: Member, batch_id: str) -> dict[str, Any]:
    """Cancel what has not left, and give its credits back."""
    return show.batch(await db.transact(lambda tx: cancel_batch(tx, me.account_id, batch_id, time)))
