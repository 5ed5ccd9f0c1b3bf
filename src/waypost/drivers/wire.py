"""The sandbox wire: each message is posted to an address that the operator set."""

import asyncio
from urllib.parse import urlsplit

import msgspec
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
)

from waypost.drivers.carrier import Carried
from waypost.drivers.outgoing import Outgoing
from waypost.drivers.port import Accepted, DeviceDown, Outcome, Unknown
from waypost.drivers.verdicts import verdict
from waypost.kit.clock import Clock
from waypost.kit.log import get

KEEP_SECONDS = 3.0  # less than servers do: one that closes while we write takes the answer along
MOST_ANSWERED = 65_536

HEADERS = {
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "waypost",
}
TIMES = ClientTimeout(total=15.0, connect=5.0, sock_read=10.0)

log = get(__name__)


class Wire:
    """One device's connections to the address: opened at need, used again."""

    def __init__(
        self, url: str, device_id: int, clock: Clock, times: ClientTimeout = TIMES
    ) -> None:
        self._url = url
        self._device_id = device_id
        self._clock = clock
        self._times = times
        self._session: ClientSession | None = None

    async def open(self) -> DeviceDown | None:
        """Knock: a device is up only while somebody listens there."""
        if self._session is None:
            connector = TCPConnector(limit=0, keepalive_timeout=KEEP_SECONDS)
            self._session = ClientSession(
                connector=connector,
                timeout=self._times,
                headers=HEADERS,
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
            )
        try:
            async with asyncio.timeout(self._times.connect):
                await _knock(self._url)
        except (OSError, ValueError) as error:
            return self._unreached(error)
        return None

    async def carry(self, outgoing: Outgoing) -> Carried:
        outcome = await self._post(outgoing)
        return Carried(outcome, isinstance(outcome, Accepted))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _post(self, outgoing: Outgoing) -> Outcome:
        if self._session is None:
            return DeviceDown("Its wire is not open.")
        message = _written(outgoing, self._device_id)
        try:
            async with self._session.post(self._url, data=message, allow_redirects=False) as answer:
                body = await _body(answer)
        except (ClientConnectorError, ConnectionTimeoutError, InvalidURL) as error:
            return self._unreached(error)
        except TimeoutError:
            return Unknown("No answer came in time.")
        except (ClientError, OSError, ValueError) as error:
            # The connection was open: what was written to it may have been read.
            log.info("wire.answer_lost", device_id=self._device_id, error=_words(error))
            return Unknown("The answer was lost on its way.")
        wait = answer.headers.get("Retry-After")
        return verdict(answer.status, wait, body, outgoing.provider_id, self._clock.now())

    def _unreached(self, error: Exception) -> DeviceDown:
        # What it says of addresses is for the operator alone.
        log.warning("wire.unreached", device_id=self._device_id, error=_words(error))
        return DeviceDown("Its wire cannot be reached.")


async def _knock(url: str) -> None:
    address = urlsplit(url)
    is_secret = address.scheme == "https"
    port = address.port or (443 if is_secret else 80)
    _, writer = await asyncio.open_connection(address.hostname, port, ssl=is_secret or None)
    writer.close()


def _written(outgoing: Outgoing, device_id: int) -> bytes:
    return msgspec.json.encode(
        {
            "id": outgoing.provider_id,
            "to": outgoing.to,
            "text": outgoing.text,
            "account_id": outgoing.ref.account_id,
            "message_id": outgoing.ref.message_id,
            "attempt": outgoing.attempt,
            "device": device_id,
        }
    )


async def _body(answer: ClientResponse) -> bytes:
    """The answer's body, to its end; one that is too long is not read on, and says nothing."""
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > MOST_ANSWERED:
            answer.close()
            return b""
    return bytes(body)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
