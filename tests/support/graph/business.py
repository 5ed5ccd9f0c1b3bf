"""A business that calls the fake Graph in this process, and hears its webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.graph.graph import Graph
from tests.support.graph.payloads import signature
from tests.support.graph.server import serving
from tests.support.graph.world import APP_SECRET, NUMBER, TOKEN, VERIFY_TOKEN

USER = "27821234567"
HELLO: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": f"+{USER}",
    "type": "text",
    "text": {"body": "Hello"},
}


@dataclass
class Business:
    """Its calls, and what came to its callback: the answers it gives there are set by tests."""

    graph: Graph
    session: aiohttp.ClientSession
    callback_url: str = ""
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    refusing: int = 0  # so many of the next webhooks
    calling: int = 0  # webhooks that were begun
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set, webhooks get no answer."""
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.gate.set()

    async def call(
        self, method: str, path: str, body: Any = None, token: str | None = TOKEN, **more: Any
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer under /v26.0/, or under the path's own version."""
        url = f"{self.graph.url}{path}" if path.startswith("/") else f"{self.base}{path}"
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if body is not None:
            more["json"] = body
        async with self.session.request(method, url, headers=headers, **more) as answer:
            return answer.status, json.loads(await answer.read())

    @property
    def base(self) -> str:
        return f"{self.graph.url}/v26.0/"

    async def send(self, **changes: Any) -> tuple[int, Any]:
        """Post a message: hello, but for these changes; None takes a field out."""
        body = {name: value for name, value in (HELLO | changes).items() if value is not None}
        return await self.call("POST", f"{NUMBER}/messages", body)

    async def tell(self, what: str, **told: Any) -> tuple[int, Any]:
        """POST /control/`what`."""
        return await self.call("POST", f"/control/{what}", told)

    async def until(self, holds: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait until something holds of what was heard."""

        async def wait() -> None:
            async with self.heard:
                await self.heard.wait_for(holds)

        await asyncio.wait_for(wait(), seconds)

    def told(self, kind: str = "statuses") -> list[dict[str, Any]]:
        """All statuses (or messages) that came, in the order they came."""
        values = [
            change["value"]
            for webhook in self.webhooks
            for entry in webhook["entry"]
            for change in entry["changes"]
        ]
        return [each for value in values for each in value.get(kind, [])]

    async def verify(self, request: web.Request) -> web.Response:
        if request.query.get("hub.verify_token") != VERIFY_TOKEN:
            return web.Response(status=403)
        return web.Response(text=request.query["hub.challenge"])

    async def hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert request.headers["X-Hub-Signature-256"] == signature(APP_SECRET, body)
        self.calling += 1
        async with self.heard:
            self.heard.notify_all()
        await self.gate.wait()
        async with self.heard:
            self.heard.notify_all()
            if self.refusing:
                self.refusing -= 1
                return web.Response(status=500)
            self.bodies.append(body)
            self.webhooks.append(json.loads(body))
        return web.Response()


@asynccontextmanager
async def business() -> AsyncIterator[Business]:
    """A Graph, and a business that is subscribed to it."""
    async with serving() as graph, aiohttp.ClientSession() as session:
        made = Business(graph, session)
        app = web.Application()
        app.add_routes([web.get("/callback", made.verify), web.post("/callback", made.hear)])
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
        status, said = await made.tell("businesses", callback_url=made.callback_url)
        assert status == 200, said
        try:
            yield made
        finally:
            await runner.cleanup()
