"""Asks the provider how a number and its templates stand, and tells it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from waypost.drivers.cloud import errors, health
from waypost.drivers.cloud.breaker import Breaker, Number
from waypost.drivers.cloud.client import Answer, Graph, Reply
from waypost.drivers.cloud.errors import Level
from waypost.drivers.cloud.loose import record, text
from waypost.drivers.cloud.templates import FIELDS, templates
from waypost.drivers.news import DriverEvent, NumberNews, TemplatesNews
from waypost.drivers.port import DeviceDown
from waypost.kit.clock import Clock
from waypost.kit.log import get

LOOK_SECONDS = 15 * 60.0
LOOKS_A_LIST = 4
LEAST_SECONDS = 5 * 60.0  # between two lists, whoever asks: such calls are counted by the hour
PAGE = "100"
MOST_PAGES = 100

PARAMETER = 100
STOPPING = {Level.DEVICE, Level.TOKEN, Level.ACCOUNT}

log = get(__name__)


class Watch:
    """One number's."""

    def __init__(
        self,
        number: Number,
        graph: Graph,
        breaker: Breaker,
        clock: Clock,
        tell: Callable[[DriverEvent], None],
    ) -> None:
        self._number = number
        self._graph = graph
        self._breaker = breaker
        self._clock = clock
        self._tell = tell
        self._asked = asyncio.Event()

    async def look(self) -> DeviceDown | None:
        """How the number stands: why it cannot send, if so. Proves the token too."""
        reply = await self._ask()
        if not isinstance(reply, Answer):
            return DeviceDown(reply.reason)
        if not reply.is_fine or reply.body is None:
            return self._refused(reply)
        self._tell(NumberNews(self._number.device_id, self._clock.now(), health.facts(reply.body)))
        if (why := health.trouble(reply.body)) is not None:
            return self._breaker.stop(why, errors.fault(why))
        return None

    def refresh(self) -> None:
        """List the templates soon."""
        self._asked.set()

    async def run(self) -> None:
        """Tell of the templates now, hourly and when asked, of the number each quarter of an hour,
        until cancelled. A list that did not come is asked for again soon."""
        while True:
            self._asked.clear()
            listed_at = self._clock.monotonic()
            try:
                is_listed = await self._list()
                waits = [LOOK_SECONDS] * LOOKS_A_LIST if is_listed else [LEAST_SECONDS]
                await self._look_until_asked(waits)
            except Exception:
                log.exception("cloud.watch_failed", device_id=self._number.device_id)
            await asyncio.sleep(max(0.0, listed_at + LEAST_SECONDS - self._clock.monotonic()))

    async def _look_until_asked(self, waits: Sequence[float]) -> None:
        for seconds in waits:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._asked.wait()
            if self._asked.is_set():
                return
            await self.look()

    async def _ask(self) -> Reply:
        """A version that does not know one of the fields still tells its usual ones."""
        path = self._number.phone_number_id
        reply = await self._graph.get(path, fields=health.FIELDS)
        if isinstance(reply, Answer) and _code(reply) == PARAMETER:
            return await self._graph.get(path)
        return reply

    def _refused(self, answer: Answer) -> DeviceDown:
        if answer.body is None or "error" not in answer.body:
            return DeviceDown(f"The provider answered {answer.status}.", answer.regained)
        told = errors.told(answer.body["error"])
        fault = errors.fault(told, answer.status)
        if fault.level in STOPPING:
            return self._breaker.stop(told, fault, answer.regained)
        said = told.details or fault.sentence
        reason = f"The provider does not tell of the number: {said[: errors.MOST_TOLD]}"
        return DeviceDown(f"{reason} ({errors.name(told)})", fault.after)

    async def _list(self) -> bool:
        """Tell of all templates, or, where the list does not come whole, of none; whether it came.

        As of when it was asked for: what is told meanwhile is newer.
        """
        asked_at = self._clock.now()
        listed: list[object] = []
        async for page in self._pages():
            if page is None:
                log.warning("cloud.templates_unlisted", device_id=self._number.device_id)
                return False
            listed += page
        found = templates(listed)
        self._breaker.refreshed(found)
        self._tell(TemplatesNews(self._number.business_account_id, asked_at, found))
        return True

    async def _pages(self) -> AsyncIterator[list[object] | None]:
        asked = {"fields": FIELDS, "limit": PAGE}
        for _ in range(MOST_PAGES):
            reply = await self._graph.get(
                f"{self._number.business_account_id}/message_templates", **asked
            )
            page = reply.body.get("data") if isinstance(reply, Answer) and reply.body else None
            if not isinstance(page, list):
                yield None
                return
            yield page
            after = _next(reply)
            if after is None:
                return
            asked["after"] = after
        yield None


def _next(reply: Reply) -> str | None:
    """Where the next page begins; None after the last."""
    paging = record(reply.body.get("paging")) if isinstance(reply, Answer) and reply.body else {}
    return text(record(paging.get("cursors")).get("after")) if paging.get("next") else None


def _code(answer: Answer) -> int | None:
    return None if answer.body is None else errors.told(answer.body.get("error")).code
