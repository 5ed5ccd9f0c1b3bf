"""The edge that every HTTP request passes: its id, its limits, the one shape of errors."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from prometheus_client import Histogram
from structlog.contextvars import bind_contextvars, clear_contextvars

from waypost.kit.errors import Internal, PayloadTooLarge, Refusal, Unavailable, UnsupportedMedia
from waypost.kit.log import get

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

KEY = "waypost.exchange"
STOPPING = "This server is shutting down. Try again."
_SANE_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_JSON = (b"application/json", b"application/problem+json")

SECONDS = Histogram(
    "waypost_http_request_seconds", "Time from request to answer", ["route", "status"]
)

log = get(__name__)


@cache
def _seconds(route: str, status: int) -> Histogram:
    """The histogram of one route and status: finding it takes longer than using it."""
    return SECONDS.labels(route, status)


@dataclass(slots=True)
class Exchange:
    """What belongs to one request and its answer."""

    request_id: str
    route: str = "other"
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 0


def exchange_of(scope: Scope) -> Exchange:
    """The exchange that the edge opened for this request."""
    exchange: Exchange = scope[KEY]
    return exchange


@dataclass(frozen=True, slots=True)
class Bodies:
    """What bodies are taken: up to so many bytes, of these types, which `wanted` says in words."""

    most: int
    types: tuple[bytes, ...] = _JSON
    wanted: str = "The body must be JSON: set Content-Type: application/json."


class Edge:
    """Wraps the application: whatever happens inside, the answer has the contract's shape.

    `others` are the bodies of paths that begin so, where they are others than everywhere else.
    """

    def __init__(
        self,
        app: App,
        max_body: int,
        new_request_id: Callable[[], str],
        others: Mapping[str, Bodies] | None = None,
    ) -> None:
        self._app = app
        self._usual = Bodies(max_body)
        self._new_request_id = new_request_id
        self._others = tuple((others or {}).items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = header_map(scope)
        exchange = Exchange(self._request_id(headers))
        scope[KEY] = exchange
        clear_contextvars()
        bind_contextvars(request_id=exchange.request_id)
        started = time.perf_counter()
        answer = _Answer(exchange, send)
        bodies = self._bodies(scope["path"])
        try:
            _check_body(headers, bodies)
            await self._app(scope, _Body(receive, bodies.most), answer)
        except Refusal as refusal:
            await answer.refuse(refusal)
        except asyncio.CancelledError:
            # A stop waits for no request that does not end; its client is told so.
            await answer.refuse(Unavailable(STOPPING, retry_after=1))
        except Exception:
            log.exception("request.crashed", path=scope["path"])
            await answer.refuse(Internal())
        seconds = time.perf_counter() - started
        _seconds(exchange.route, exchange.status).observe(seconds)
        _note(scope, exchange, seconds)

    def _bodies(self, path: str) -> Bodies:
        special = (bodies for prefix, bodies in self._others if path.startswith(prefix))
        return next(special, self._usual)

    def _request_id(self, headers: Mapping[bytes, bytes]) -> str:
        given = headers.get(b"x-request-id", b"")
        if not given:
            return self._new_request_id()
        return given.decode() if _SANE_REQUEST_ID.fullmatch(given) else self._new_request_id()


class _Answer:
    """Sends the answer, adding the request's id and the headers gathered on the way.

    Where the answer has a header of its own, that one counts.
    """

    def __init__(self, exchange: Exchange, send: Send) -> None:
        self._exchange = exchange
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._exchange.status = message["status"]
            extra = {"X-Request-ID": self._exchange.request_id, **self._exchange.headers}
            message["headers"] = _joined(message.get("headers", ()), encode_headers(extra))
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with the refusal, unless an answer has begun."""
        if not self._exchange.status:
            body = error_body(refusal, self._exchange.request_id)
            await respond(self, refusal.status, body, refusal.headers)


class _Body:
    """Receives the body, and refuses it once it is larger than it may be."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._left = most

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _too_large()
        return message


def header_map(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers; names are lower-case."""
    return dict(scope["headers"])


def error_body(refusal: Refusal, request_id: str) -> bytes:
    """The contract's one shape for every failure."""
    body: dict[str, object] = {
        "error": refusal.code,
        "message": refusal.message,
        "code": refusal.status,
        "request_id": request_id,
    }
    if refusal.details:
        body["details"] = [{"field": p.field, "problem": p.problem} for p in refusal.details]
    return msgspec.json.encode(body)


async def respond(
    send: Send, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """Send a whole JSON answer."""
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *encode_headers(headers or {}),
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


def encode_headers(headers: Mapping[str, str]) -> Iterable[Header]:
    """Headers as ASGI wants them."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _joined(own: Iterable[Header], extra: Iterable[Header]) -> list[Header]:
    headers = list(own)
    names = {name for name, _ in headers}
    return headers + [header for header in extra if header[0] not in names]


def _check_body(headers: Mapping[bytes, bytes], bodies: Bodies) -> None:
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > bodies.most:
        raise _too_large()
    if length == b"0" and b"transfer-encoding" not in headers:
        return
    media = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if media not in bodies.types:
        raise UnsupportedMedia(bodies.wanted)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge("The body is larger than this server takes.")


def _note(scope: Scope, exchange: Exchange, seconds: float) -> None:
    level = log.error if exchange.status >= 500 else log.debug
    level(
        "request.answered",
        method=scope["method"],
        path=scope["path"],
        status=exchange.status,
        ms=round(seconds * 1000, 1),
    )
