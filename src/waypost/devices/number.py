"""What the provider says of a device's number."""

from waypost.devices import store
from waypost.drivers.news import NumberNews
from waypost.kit.db import Tx


async def note(tx: Tx, news: NumberNews) -> None:
    """Show it with the device from now on; what is older than what is shown says nothing."""
    await store.note_number(tx, news.device_id, news.facts, news.at)
