"""Files between us and the provider: ours go there once, what people send comes from there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from yarl import URL

from waypost.drivers.cloud import errors
from waypost.drivers.cloud.client import Answer, Download, Graph, Lost, TooLarge, Unreached
from waypost.drivers.cloud.errors import Fault, Level, Told
from waypost.drivers.cloud.loose import text
from waypost.drivers.news import InboundMedia
from waypost.drivers.outgoing import Media, Outgoing, Ref
from waypost.drivers.port import Fetched, KeptFile, Refused, Retry, Shelf
from waypost.kit.errors import Unavailable
from waypost.kit.log import get

MOST_BYTES = 100 << 20
MOST_STEPS = 3
AT_ONCE = timedelta(0)
HOSTS = ("fbsbx.com", "fbcdn.net", "facebook.com", "whatsapp.net")
"""Whose addresses the provider's files are at; the token goes with the question."""

GONE = Refused("MEDIA_GONE", "The message's file is not kept here any more.")
STRAY = Refused("MEDIA_ADDRESS", "The provider names an address that files are not fetched from.")
TOO_LARGE = Refused("MEDIA_TOO_LARGE", "The file is larger than 100 MB.")
_AWAY = Retry("UNAVAILABLE", "The database is away.", counts=False)
_BROKEN = Retry("INTERNAL_ERROR", "The message's file could not be read.", counts=False)

log = get(__name__)


@dataclass(slots=True)
class _Turn:
    """Who gives a file, and how many messages wait for it or are at it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    takers: int = 0


class Files:
    """One number's."""

    def __init__(self, graph: Graph, phone_number_id: str, shelf: Shelf) -> None:
        self._graph = graph
        self._phone_number_id = phone_number_id
        self._shelf = shelf
        self._giving: dict[tuple[int, UUID | None], _Turn] = {}

    async def given(self, ref: Ref, media: Media) -> str | Answer | Refused | Retry:
        """The provider's id of a file that we keep, which it is given if need be; or its refusal.

        Messages that carry the same file wait for one of them to give it.
        """
        key = ref.account_id, media.media_id
        turn = self._giving.setdefault(key, _Turn())
        turn.takers += 1
        try:
            async with turn.lock:
                known = await self._shelf.provider_id(ref, media)
                return known or await self._give(ref, media)
        except Unavailable:
            return _AWAY
        except Exception:  # whatever it was: the message has not left, and that is to be said
            log.exception("cloud.file_failed", phone_number_id=self._phone_number_id)
            return _BROKEN
        finally:
            turn.takers -= 1
            if not turn.takers:
                self._giving.pop(key, None)

    async def refused(
        self, outgoing: Outgoing, media: Media, id: str, said: Refused
    ) -> Refused | Retry:
        """What becomes of a message that was refused, it may be for the id of its file: it goes
        once more, with the file given anew, but where that was done just now."""
        try:
            may_help = await self._shelf.forget(outgoing.ref, media, id)
        except Unavailable:
            return _AWAY
        except Exception:  # the provider has said what became of the message, whatever ails us
            log.exception("cloud.file_not_forgotten", phone_number_id=self._phone_number_id)
            return said
        if not may_help:
            return said
        return Retry(said.code, said.message, AT_ONCE, tries=outgoing.attempt + 1)

    async def fetch(
        self, media: InboundMedia, into: Callable[[bytes], Awaitable[None]]
    ) -> Fetched | Refused | Retry:
        """A file that somebody sent us; addresses live for minutes, so each time anew."""
        asked = await self._graph.get(quote(media.provider_media_id, safe=""))
        if not isinstance(asked, Answer):
            return _later(asked.reason)
        if not asked.is_fine or asked.body is None:
            return _not_had(asked)
        url = text(asked.body.get("url"))
        if url is None:
            return _later("The provider tells no address of the file.")
        mime = text(asked.body.get("mime_type")) or media.mime
        return await self._download(url, mime, into)

    async def _give(self, ref: Ref, media: Media) -> str | Answer | Refused | Retry:
        file = await self._shelf.open(ref, media)
        if file is None:
            return GONE
        reply = await self._upload(file)
        if isinstance(reply, str):
            await self._shelf.note(ref, media, reply)
        return reply

    async def _upload(self, file: KeptFile) -> str | Answer | Retry:
        reply = await self._graph.upload(f"{self._phone_number_id}/media", file)
        match reply:
            case Unreached(reason):
                return Retry("UNREACHED", reason, counts=False)
            case Lost(reason):  # whatever became of the file, the message has not left
                return Retry("UPLOAD_LOST", reason, counts=False)
        id = text(reply.body.get("id")) if reply.is_fine and reply.body is not None else None
        return reply if id is None else id

    async def _download(
        self, url: str, mime: str, into: Callable[[bytes], Awaitable[None]]
    ) -> Fetched | Refused | Retry:
        for _ in range(MOST_STEPS):
            address = self._trusted(url)
            if address is None:
                return STRAY
            try:
                got = await self._graph.download(address, into, MOST_BYTES)
            except TooLarge:
                return TOO_LARGE
            if not isinstance(got, Download):
                return _later(got.reason)
            if got.status == 200:
                return Fetched(mime, got.size)
            if got.leads_to is None:
                return _later(f"The file's address answered {got.status}.")
            url = _joined(address, got.leads_to)
        return _later("The file's address leads on and on.")

    def _trusted(self, url: str) -> URL | None:
        """The address, where the token may go there: it is checked as it will be asked."""
        try:
            address = URL(url)
            host, is_ours = address.host or "", address.origin() == self._graph.base.origin()
        except ValueError:
            return None
        is_theirs = any(host == each or host.endswith(f".{each}") for each in HOSTS)
        return address if is_ours or (address.scheme == "https" and is_theirs) else None


def _joined(address: URL, leads_to: str) -> str:
    try:
        return str(address.join(URL(leads_to)))
    except ValueError:
        return leads_to  # which nobody trusts


def _later(reason: str) -> Retry:
    return Retry("MEDIA_NOT_FETCHED", reason)


def _not_had(answer: Answer) -> Refused | Retry:
    """A file that the provider has no more is refused; all else may pass, and a device's or an
    account's fault is no fault of the file."""
    error = None if answer.body is None else answer.body.get("error")
    if error is None:
        return _later(f"The provider answered {answer.status}.")
    told = errors.told(error)
    fault = errors.fault(told, answer.status)
    code, sentence = errors.name(told), errors.sentence(told, fault)
    if _is_of_the_file(told, fault):
        return Refused(code, sentence)
    return Retry(code, sentence, answer.regained or fault.after or timedelta(minutes=1))


def _is_of_the_file(told: Told, fault: Fault) -> bool:
    """Only of a code that is known can that be said; 33 is an id that does not exist."""
    return told.code == 33 or (told.code in errors.TABLE and fault.level is Level.MESSAGE)
