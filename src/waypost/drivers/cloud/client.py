"""Calls of the provider's API: one pool of connections, one token, and where a call broke."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    FormData,
    InvalidURL,
    TCPConnector,
)
from aiohttp.payload import AsyncIterablePayload
from yarl import URL

from waypost.drivers.cloud.loose import clean, record, records
from waypost.drivers.port import KeptFile
from waypost.kit.log import get

KEEP_SECONDS = 3.0  # less than servers do: one that closes while we write takes the answer along
MOST_ANSWERED = 8 << 20
CHUNK = 64 << 10

TIMES = ClientTimeout(total=60.0, connect=10.0, sock_connect=10.0, sock_read=30.0)
FILE_SECONDS = 900.0  # for a file's bytes, in all

USAGE = "X-Business-Use-Case-Usage"
_MOST_MINUTES = 24 * 60

log = get(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply that came whole.

    `body` is its JSON object, None where it has none; `regained` is after what time the provider
    lets the business call again, where it says so.
    """

    status: int
    body: Mapping[str, Any] | None
    regained: timedelta | None = None

    @property
    def is_fine(self) -> bool:
        """Whether it says yes, in words."""
        return 200 <= self.status < 300 and self.body is not None and "error" not in self.body


@dataclass(frozen=True, slots=True)
class Unreached:
    """Nothing left: there was no connection."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lost:
    """It may have been read: the answer never came, or not whole."""

    reason: str


Reply = Answer | Unreached | Lost

CLOSED = Unreached("The device is being closed.")


@dataclass(frozen=True, slots=True)
class Download:
    """How a download ended: its HTTP status, where it leads if it leads on, and its bytes."""

    status: int
    leads_to: str | None
    size: int


class TooLarge(Exception):
    """A file has more bytes than it may."""


class NotKept(Exception):
    """We could not take a file's bytes: that is no fault of the provider's."""


class Graph:
    """The provider's API, as the holder of one token speaks it. Secrets stay inside.

    `base` is where it is, `version` which one is spoken. What can go wrong on a network is a value.
    """

    def __init__(self, base: str, version: str, token: str, times: ClientTimeout = TIMES) -> None:
        self.base = URL(base)
        self._root = f"{base}/{version}"
        self._token = token
        self._times = times
        self._file_times = ClientTimeout(FILE_SECONDS, times.connect, times.sock_read)
        self._made: ClientSession | None = None
        self._is_closed = False

    async def get(self, path: str, **asked: str) -> Reply:
        """Ask for something."""
        return await self._call("GET", path, params=asked)

    async def post(self, path: str, body: Mapping[str, object]) -> Reply:
        """Send something; it is sent once, whatever becomes of the connection."""
        data, kind = msgspec.json.encode(body), {"Content-Type": "application/json"}
        return await self._call("POST", path, data=data, headers=kind)

    async def upload(self, path: str, file: KeptFile) -> Reply:
        """Give a file away."""
        form = FormData({"messaging_product": "whatsapp", "type": file.mime})
        form.add_field("file", _Chunks(file), filename=file.filename)
        return await self._call("POST", path, data=form, timeout=self._file_times)

    async def download(
        self, url: URL, into: Callable[[bytes], Awaitable[None]], most: int
    ) -> Download | Unreached | Lost:
        """Take a file of at most so many bytes; raises TooLarge, and NotKept where `into` fails."""
        if self._is_closed:
            return CLOSED
        size, times = 0, self._file_times
        try:
            async with self._session.get(url, timeout=times, allow_redirects=False) as answer:
                if answer.status != 200:
                    return Download(answer.status, answer.headers.get("Location"), 0)
                async for part in answer.content.iter_chunked(CHUNK):
                    size += len(part)
                    if size > most:
                        raise TooLarge
                    try:
                        await into(part)
                    except OSError as error:
                        raise NotKept from error
                return Download(answer.status, None, size)
        except (ClientError, OSError, ValueError) as error:
            return _broken(error)

    async def close(self) -> None:
        """Close all connections; what is asked from then on does not leave."""
        self._is_closed = True
        if self._made is not None:
            await self._made.close()

    @property
    def _session(self) -> ClientSession:
        if self._made is None:
            self._made = ClientSession(
                connector=TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS),
                timeout=self._times,
                headers={"Authorization": f"Bearer {self._token}", "User-Agent": "waypost"},
                cookie_jar=DummyCookieJar(),
            )
        return self._made

    async def _call(self, method: str, path: str, **call: Any) -> Reply:
        if self._is_closed:
            return CLOSED
        url = f"{self._root}/{path}"
        try:
            async with self._session.request(method, url, allow_redirects=False, **call) as answer:
                return self._read(answer, await _body(answer))
        except (ClientError, OSError, ValueError) as error:
            return _broken(error)

    def _read(self, answer: ClientResponse, body: bytes) -> Answer:
        # Providers repeat a token that they refuse.
        body = body.replace(self._token.encode(), b"...")
        try:
            said = clean(msgspec.json.decode(body))
        except (msgspec.DecodeError, RecursionError):
            said = None
        told = said if isinstance(said, dict) else None
        return Answer(answer.status, told, _regained(answer.headers.get(USAGE)))


class _Chunks(AsyncIterablePayload):
    """A file of known size: requests in chunks are not everybody's thing."""

    def __init__(self, file: KeptFile) -> None:
        super().__init__(file.chunks, content_type=file.mime)
        self._size = file.size


def _broken(error: Exception) -> Unreached | Lost:
    """Whether it can have left: only what failed before there was a connection did not."""
    match error:
        case ConnectionTimeoutError():
            return Unreached("No connection to the provider came about in time.")
        case ClientConnectorError() | InvalidURL():
            log.info("cloud.unreached", error=_words(error))
            return Unreached("The provider could not be reached.")
        case TimeoutError():
            return Lost("No answer of the provider came in time.")
        case _:
            log.info("cloud.answer_lost", error=_words(error))
            return Lost("The provider's answer was lost on its way.")


async def _body(answer: ClientResponse) -> bytes:
    """The answer's body, to its end; one that is too long is not read on, and says nothing."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MOST_ANSWERED:
            answer.close()
            return b""
    return bytes(body)


def _regained(usage: str | None) -> timedelta | None:
    """The longest wait that a usage header tells of, in whole minutes."""
    if usage is None:
        return None
    try:
        told = record(msgspec.json.decode(usage))
    except (msgspec.DecodeError, RecursionError):
        return None
    spans = (
        entry.get("estimated_time_to_regain_access")
        for entries in told.values()
        for entry in records(entries)
    )
    minutes = [span for span in spans if isinstance(span, int) and span > 0]
    return timedelta(minutes=min(max(minutes), _MOST_MINUTES)) if minutes else None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
