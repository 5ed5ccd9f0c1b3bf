"""What a device sent before a restart, and whose receipts are still to come."""

from datetime import datetime, timedelta

from waypost.drivers.outgoing import Ref
from waypost.drivers.port import Unconfirmed
from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at
from waypost.messages import store_progress as store

LOOKS_BACK = timedelta(minutes=10)
MOST = 20_000


async def of_device(tx: Tx, device_id: int, now: datetime) -> list[Unconfirmed]:
    """Messages of the last ten minutes that nobody has read yet."""
    await store.plan_anew(tx)
    since = first_id_at(now - LOOKS_BACK)
    sent = await store.unconfirmed(tx, since, device_id, MOST)
    return [Unconfirmed(Ref(s.account_id, s.id), s.recipient, s.sent_at) for s in sent]
