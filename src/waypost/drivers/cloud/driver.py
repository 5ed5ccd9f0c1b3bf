"""An official number: sends, and what comes of each; callbacks tell the rest, see `inbound`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeGuard

from waypost.drivers.cloud import errors, payload
from waypost.drivers.cloud.breaker import Breaker, Number, Shared
from waypost.drivers.cloud.client import Answer, Graph, Lost, Reply, Unreached
from waypost.drivers.cloud.errors import Level
from waypost.drivers.cloud.files import Files
from waypost.drivers.cloud.loose import records, text
from waypost.drivers.cloud.watch import Watch
from waypost.drivers.news import DriverEvent, InboundMedia, Stop
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import (
    TOO_LATE,
    Accepted,
    DeviceDown,
    Fetched,
    Outcome,
    Refused,
    Retry,
    Shelf,
    Unconfirmed,
    Unknown,
)
from waypost.drivers.under_way import UnderWay
from waypost.kit.clock import Clock
from waypost.kit.log import get

UPLOAD_TRIES = 5
ORDINARY = "accepted"  # others wait at the provider, as while it looks at a template's quality
OF_A_FILE = ("100", "131009", "131053")
BEHIND_A_GATEWAY = (502, 504)  # who it asked may have taken the message before it fell silent

log = get(__name__)


class CloudDriver:
    """One official number. The provider drops no repeats: two equal sends are two messages."""

    deduplicates = False

    def __init__(
        self,
        number: Number,
        graph: Graph,
        shelf: Shelf,
        shared: Shared,
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self._number = number
        self._graph = graph
        self._clock = clock
        self._files = Files(graph, number.phone_number_id, shelf)
        self._breaker = Breaker(number, shared, clock, random)
        self._news: asyncio.Queue[DriverEvent | None] = asyncio.Queue()
        self._watch = Watch(number, graph, self._breaker, clock, self._news.put_nowait)
        self._watching: asyncio.Task[None] | None = None
        self._under_way = UnderWay()

    async def connect(self, unconfirmed: list[Unconfirmed]) -> DeviceDown | None:
        """There is no connection to keep: that the provider tells of the number is the proof."""
        down = await self._watch.look()
        if down is not None:
            return down
        self._breaker.lift()
        self.refresh()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch.run())
        return None

    async def send(self, outgoing: Outgoing) -> Outcome:
        with self._under_way.one():
            return self._breaker.hold(outgoing) or await self._carry(outgoing)

    async def fetch(
        self, media: InboundMedia, into: Callable[[bytes], Awaitable[None]]
    ) -> Fetched | Refused | Retry:
        return await self._files.fetch(media, into)

    def refresh(self) -> None:
        """Ask for the templates soon; it is told as news."""
        self._watch.refresh()

    def heed(self, stops: Sequence[Stop]) -> DeviceDown | None:
        return self._breaker.heed(stops)

    async def events(self) -> AsyncIterator[DriverEvent]:
        while (event := await self._news.get()) is not None:
            yield event

    async def close(self) -> None:
        await self._under_way.ended()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._graph.close()
        self._news.put_nowait(None)

    async def _carry(self, outgoing: Outgoing) -> Outcome:
        file, file_id = payload.file(outgoing), None
        if file is not None and file.link is None:
            given = await self._files.given(outgoing.ref, file)
            if isinstance(given, Answer):
                return self._not_taken(given, outgoing)
            if not isinstance(given, str):
                return given
            file_id = given
        if self._clock.boottime() >= outgoing.deadline:
            return TOO_LATE
        self._breaker.goes(outgoing)
        body = payload.message(outgoing, file_id)
        reply = await self._graph.post(f"{self._number.phone_number_id}/messages", body)
        outcome = self._judge(reply, outgoing)
        if file_id is None or file is None or not _is_of_its_file(outcome):
            return outcome
        return await self._files.refused(outgoing, file, file_id, outcome)

    def _judge(self, reply: Reply, outgoing: Outgoing) -> Outcome:
        match reply:
            case Unreached(reason):
                return Retry("UNREACHED", reason, counts=False)
            case Lost(reason):
                return Unknown(reason)
        taken = _taken(reply)
        if (id := text(taken.get("id"))) is None:
            return self._refused(reply, outgoing)
        self._breaker.passed(outgoing)
        if (status := text(taken.get("message_status"))) not in (None, ORDINARY):
            log.info("cloud.waits", device_id=self._number.device_id, status=status)
        return Accepted(id)

    def _not_taken(self, answer: Answer, outgoing: Outgoing) -> Outcome:
        """The provider did not take the message's file, so the message has not left."""
        outcome = self._refused(answer, outgoing)
        if not isinstance(outcome, Unknown):
            return outcome
        if answer.status in BEHIND_A_GATEWAY:
            return Retry(f"HTTP_{answer.status}", "The provider's gateway failed.", counts=False)
        return Retry("UPLOAD_STRANGE", outcome.reason, tries=UPLOAD_TRIES)

    def _refused(self, answer: Answer, outgoing: Outgoing) -> Outcome:
        """An answer that does not say that it has gone."""
        status = answer.status
        error = None if answer.body is None else answer.body.get("error")
        told = errors.told(error)
        if told.code not in errors.TABLE and status in BEHIND_A_GATEWAY:
            return Unknown(f"The provider's gateway answered {status}: it may have gone.")
        if error is None:
            if status == 429 or status >= 500:
                return Retry(f"HTTP_{status}", f"The provider answered {status}.", counts=False)
            return Unknown(f"The provider answered {status} with what cannot be understood.")
        fault = errors.fault(told, status)
        log.info(
            "cloud.refused",
            device_id=self._number.device_id,
            code=told.code,
            stops=fault.level.value,
            trace=told.trace,
        )
        if fault.level is Level.TEMPLATE:
            self.refresh()
        return self._breaker.refused(told, fault, outgoing, answer.regained)


def _is_of_its_file(outcome: Outcome) -> TypeGuard[Refused]:
    """Whether it may have been refused for its file."""
    return isinstance(outcome, Refused) and outcome.code in OF_A_FILE


def _taken(answer: Answer) -> Mapping[str, object]:
    """What the provider says of a message that it took."""
    if not answer.is_fine or answer.body is None:
        return {}
    return next(iter(records(answer.body.get("messages"))), {})
