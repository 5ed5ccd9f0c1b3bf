"""The fake Graph over HTTP, on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import IO

from aiohttp import web

from tests.support.graph import control, routes
from tests.support.graph.access import GRAPH
from tests.support.graph.graph import Graph

MOST_BODY = 128 * 1024 * 1024
CLOSE_SECONDS = 0.1


@asynccontextmanager
async def serving(file: IO[str] | None = None, port: int = 0) -> AsyncIterator[Graph]:
    """A Graph in this process, at its `url`, for the length of a block."""
    graph = Graph(file)
    app = web.Application(
        client_max_size=MOST_BODY, middlewares=[control.explained, routes.counted]
    )
    app[GRAPH] = graph
    app.add_routes([*routes.routes, *control.routes])
    # A handler that hangs ends with its caller.
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=CLOSE_SECONDS
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    graph.url = site.name.replace(":0", f":{runner.addresses[0][1]}")
    courier = asyncio.create_task(graph.courier.run())
    try:
        yield graph
    finally:
        courier.cancel()
        with suppress(asyncio.CancelledError):
            await courier
        await runner.cleanup()
