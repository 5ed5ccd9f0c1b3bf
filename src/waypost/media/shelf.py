"""The kept files as a device sees them: what it gave to its provider it does not give again."""

from datetime import timedelta

from waypost.drivers.outgoing import Media, Ref
from waypost.drivers.port import KeptFile
from waypost.kit.clock import Clock
from waypost.kit.db import Database
from waypost.media import find, store, store_uploads

GOOD = timedelta(days=29)
"""The provider forgets a file after 30 days."""

YOUNG = timedelta(hours=1)
"""For so long an id is surely known to who gave it: what is refused with it is so for another
reason, and were its file given anew, so would it be for each of thousands of such messages."""


class DeviceShelf:
    """The shelf of one device."""

    def __init__(self, db: Database, clock: Clock, device_id: int) -> None:
        self._db = db
        self._clock = clock
        self._device_id = device_id

    async def provider_id(self, ref: Ref, media: Media) -> str | None:
        """Under which id the provider has it from this device, while that is still good."""
        if media.media_id is None:
            return None
        since = self._clock.now() - GOOD
        async with self._db.read() as tx:
            return await store_uploads.provider_id(
                tx, ref.account_id, media.media_id, self._device_id, since
            )

    async def open(self, ref: Ref, media: Media) -> KeptFile | None:
        """The file; None where it is kept no more."""
        if media.media_id is None:
            return None
        async with self._db.read() as tx:
            file = await store.get(tx, ref.account_id, media.media_id)
        if file is None:
            return None
        chunks = find.chunks(self._db, ref.account_id, file)
        return KeptFile(file.mime, media.filename or file.filename, file.size, chunks)

    async def note(self, ref: Ref, media: Media, provider_id: str) -> None:
        """This device has given it to the provider."""
        if media.media_id is None:
            return
        account_id, id, at = ref.account_id, media.media_id, self._clock.now()
        await self._db.transact(
            lambda tx: store_uploads.note(tx, account_id, id, self._device_id, provider_id, at)
        )

    async def forget(self, ref: Ref, media: Media, provider_id: str) -> bool:
        """The provider takes this id no more, it seems; whether another one may help."""
        if media.media_id is None:
            return False
        account_id, id, old = ref.account_id, media.media_id, self._clock.now() - YOUNG
        return await self._db.transact(
            lambda tx: store_uploads.forget(tx, account_id, id, self._device_id, provider_id, old)
        )
