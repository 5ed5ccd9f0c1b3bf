"""How the Graph answers, and how an answer is spoilt."""

import asyncio
import json
import socket
import struct
from typing import Any

from aiohttp import web

from tests.support.graph.faults import Fault
from tests.support.graph.refusals import Refusal

PAGE = "<html><body><h1>Sorry, something went wrong.</h1></body></html>"
SLOW_SECONDS = 0.5
RESET = struct.pack("ii", 1, 0)  # linger for no time: what closes, resets


def json_answer(body: object, status: int = 200, headers: Any = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers)


def refused(refusal: Refusal, business_id: str = "") -> web.Response:
    """A refusal's answer."""
    return json_answer(refusal.body(), refusal.status, refusal.headers(business_id))


def page(status: int) -> web.Response:
    """What is no JSON."""
    return web.Response(text=PAGE, status=status, content_type="text/html")


async def spoilt(request: web.Request, fault: Fault, whole: object) -> web.Response:
    """Instead of the whole answer, what the fault leaves of it."""
    transport = request.transport
    assert transport is not None
    match fault.way:
        case "slow":
            await asyncio.sleep(SLOW_SECONDS)
            return json_answer(whole)
        case "page":
            return page(200)
        case "empty":
            return json_answer({})
        case "hang":
            await asyncio.Event().wait()  # until the other side has had enough
        case "truncated":
            text = json.dumps(whole).encode()
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
            )
            transport.write(head.encode() + b"\r\n\r\n" + text[: len(text) // 2])
        case "garbage":
            transport.write(b"\x00\xffthis is not HTTP\r\n\r\n")
        case "reset":
            held: socket.socket = transport.get_extra_info("socket")
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            transport.abort()
    transport.close()
    return web.Response()  # to nobody
