"""Files that people sent to our devices: fetched by the drivers that run here, and kept."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from waypost.drivers.port import Driver, Fetched, FetchesMedia, Refused, Retry
from waypost.kit.clock import Clock
from waypost.kit.db import CommitUnknown, Database, DatabaseAway, Tx
from waypost.kit.ids import Ids
from waypost.kit.log import get
from waypost.media.errors import NoRoom
from waypost.media.keep import examine_anything, keep
from waypost.messages import fetches
from waypost.messages.wanted import Wanted
from waypost.queue import backoff

LOOK_SECONDS = 1.0
AT_ONCE = 4
IN_MEMORY = 1 << 20
"""Larger files wait on the disk until they are whole."""

SLOWER = 12
"""A file that cannot be had is asked for again after seconds first, and after an hour at last."""

FULL_WAIT = timedelta(hours=1)

_BROKEN = Retry("INTERNAL_ERROR", "The file could not be kept.")

log = get(__name__)


class Fetching:
    """Fetches what is due for the devices of this process, a few files at a time.

    `drivers` tells which of them are up; an account's files may have `most` bytes together.
    """

    def __init__(
        self,
        db: Database,
        drivers: Callable[[], Mapping[int, Driver]],
        clock: Clock,
        random: Callable[[], float],
        most: int,
    ) -> None:
        self._db = db
        self._drivers = drivers
        self._clock = clock
        self._random = random
        self._most = most
        self._ids = Ids(clock)
        self._under_way: set[UUID] = set()

    async def run(self) -> None:
        """Look for files until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    await self._look(group)
                except (DatabaseAway, CommitUnknown):
                    log.warning("fetching.waits")
                except Exception:
                    log.exception("fetching.failed")
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, group: asyncio.TaskGroup) -> None:
        able = {id: each for id, each in self._drivers().items() if isinstance(each, FetchesMedia)}
        room = AT_ONCE - len(self._under_way)
        if not able or room <= 0:
            return
        async with self._db.read() as tx:
            due = await fetches.due(
                tx, sorted(able), self._clock.now(), sorted(self._under_way), room
            )
        for wanted in due:
            self._under_way.add(wanted.inbound_id)
            group.create_task(self._serve(able[wanted.device_id], wanted))

    async def _serve(self, driver: FetchesMedia, wanted: Wanted) -> None:
        try:
            trouble = await self._fetch(driver, wanted)
            if trouble is not None:
                await self._end(wanted, trouble)
        except (DatabaseAway, CommitUnknown):
            log.warning("fetching.waits", inbound_id=wanted.inbound_id)  # it is still due
        except Exception:
            # It ends nothing but this fetch: a task that raises would end the worker.
            log.exception("fetching.failed", inbound_id=wanted.inbound_id)
        finally:
            self._under_way.discard(wanted.inbound_id)

    async def _fetch(self, driver: FetchesMedia, wanted: Wanted) -> Refused | Retry | None:
        """Fetch it and keep it; or why not."""
        try:
            with SpooledTemporaryFile(IN_MEMORY) as content:
                return await self._keep(driver, wanted, content)
        except NoRoom as full:
            # Their owner may delete some, for as long as the provider keeps it.
            return Retry(full.code, full.message, FULL_WAIT)
        except (DatabaseAway, CommitUnknown):
            raise
        except Exception:
            log.exception("fetching.failed", inbound_id=wanted.inbound_id)
            return _BROKEN

    async def _keep(
        self, driver: FetchesMedia, wanted: Wanted, content: IO[bytes]
    ) -> Refused | Retry | None:
        async def write(part: bytes) -> None:
            content.write(part)

        came = await driver.fetch(wanted.media, write)
        if not isinstance(came, Fetched):
            return came
        loose = await examine_anything(content, came.mime, wanted.media.filename)

        async def both(tx: Tx) -> None:
            now = self._clock.now()
            file = await keep(tx, wanted.account_id, loose, self._ids, now, self._most)
            await fetches.kept(tx, wanted, file.id)

        await self._db.transact(both)
        return None

    async def _end(self, wanted: Wanted, trouble: Refused | Retry) -> None:
        log.info("fetching.not_had", inbound_id=wanted.inbound_id, code=trouble.code)
        if isinstance(trouble, Refused):
            await self._db.transact(lambda tx: fetches.lost(tx, wanted, trouble.message))
            return
        wait = trouble.after
        if wait is None:
            wait = SLOWER * backoff.delay(wanted.attempts + 1, self._random())
        until = self._clock.now() + wait
        await self._db.transact(lambda tx: fetches.put_off(tx, wanted, until, trouble.message))
