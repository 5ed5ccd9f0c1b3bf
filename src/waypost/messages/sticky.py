"""Which device a recipient knows: people answer the number that wrote to them."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

from waypost.kit.db import Tx
from waypost.kit.ids import first_id_at
from waypost.messages import store_sticky as store
from waypost.messages.model import Status
from waypost.messages.store_progress import Text

LOOKS_BACK = timedelta(days=35)
REMEMBERED = 20_000


class Sticky:
    """Remembers which device wrote last to each recipient of an account, and looks up others."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._last: OrderedDict[tuple[int, str], int] = OrderedDict()

    def wish(self, text: Text) -> int | None:
        """The device that should carry the message; None where any may."""
        if text.wanted_device_id is not None:
            return text.wanted_device_id
        if text.status is Status.SENDING:
            return text.device_id
        return self._last.get(_key(text))

    def note(self, text: Text, device_id: int) -> None:
        """The device writes to this message's recipient now."""
        self._remember(_key(text), device_id)

    async def learn(self, tx: Tx, texts: Sequence[Text], now: datetime) -> None:
        """Look up who wrote before to the recipients that are not remembered: one statement."""
        unknown = sorted({_key(text) for text in texts if self._is_unknown(text)})
        if unknown:
            account_ids, recipients = zip(*unknown, strict=True)
            since = first_id_at(now - LOOKS_BACK)
            found = await store.last(tx, account_ids, recipients, since)
            for key, device_id in found.items():
                self._remember(key, device_id)

    def _is_unknown(self, text: Text) -> bool:
        return self.wish(text) is None and text.status is Status.QUEUED

    def _remember(self, key: tuple[int, str], device_id: int) -> None:
        self._last[key] = device_id
        self._last.move_to_end(key)
        if len(self._last) > self._most:
            self._last.popitem(last=False)


def _key(text: Text) -> tuple[int, str]:
    return text.account_id, text.recipient
