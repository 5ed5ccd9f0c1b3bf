"""A served Waypost with one official number, and a fake Graph in a process of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.load import FREE, SEND
from tests.support.client import Client
from tests.support.graph.notes import Post
from tests.support.graph.process import GraphProcess
from tests.support.processes import box, until
from tests.support.server import Server

INBOX = "/api/messages/inbox"


@dataclass
class Shop:
    """A Waypost with one official number in a pool of its own, and a customer who sends by it."""

    server: Server
    graph: GraphProcess
    admin: Client
    customer: Client
    device_id: int

    @property
    def device(self) -> dict[str, Any]:
        """As an admin sees it."""
        found: dict[str, Any] = self.admin.get(f"/api/devices/{self.device_id}").json()
        return found

    def configure(self, **config: str) -> None:
        """Change the device as its operator does."""
        answer = self.admin.patch(f"/api/devices/{self.device_id}", {"config": config})
        assert answer.status_code == 200, answer.text

    def is_up(self) -> bool:
        """Whether a worker has connected it, and no fault has come since."""
        return self.device["number"] is not None and self.device["reason"] is None

    def send(self, number: str, **content: Any) -> str:
        """Send as the customer; the queue id."""
        answer = self.customer.post(SEND, {"number": number, **content})
        assert answer.status_code == 200, answer.text
        queue_id: str = answer.json()["queue_id"]
        return queue_id

    def message(self, queue_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.customer.get(f"/api/messages/message-status/{queue_id}").json()
        return found

    def until_is(self, queue_id: str, status: str) -> dict[str, Any]:
        """Wait until the message stands so; the message."""
        until(lambda: self.message(queue_id)["status"] == status, f"{queue_id} {status}")
        return self.message(queue_id)

    def posts(self, number: str) -> list[Post]:
        """What the Graph was posted for this user."""
        return [post for post in self.graph.posts() if post.to == number]

    def upload(self, content: bytes, mime: str, filename: str) -> dict[str, Any]:
        """Keep a file as the customer."""
        headers = {"Authorization": f"Bearer {self.customer.token}"}
        files = {"file": (filename, content, mime)}
        url = f"{self.server.url}/api/media"
        answer = httpx.post(url, headers=headers, files=files, timeout=30)
        assert answer.status_code in (200, 201), answer.text
        kept: dict[str, Any] = answer.json()
        return kept

    def received(self, text: str) -> dict[str, Any] | None:
        """What somebody wrote to the customer with this text, or caption."""
        found = self.customer.get(INBOX).json()["messages"]
        return next((each for each in found if each["text"] == text), None)

    @property
    def credits(self) -> int:
        """What the customer has."""
        found: int = self.customer.get("/api/users/user/credits").json()["credits"]
        return found


@contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    """Set up over HTTP, as the guide says it."""
    with (
        GraphProcess.started(folder) as graph,
        box(folder / "data", TRUSTED_PROXIES="127.0.0.1", **FREE) as running,
    ):
        server = running.server
        admin, customer = Client.admin(server), Client.member(server, "customer")
        pool_id = admin.post("/api/admin/pools", {"name": "official"}).json()["id"]
        admin.patch(f"/api/admin/users/{customer.id}", {"pool_id": pool_id})
        device = {"name": "Official", "kind": "cloud", "pool_id": pool_id}
        answer = admin.post("/api/devices", device | {"config": graph.device()})
        assert answer.status_code == 201, answer.text
        made = Shop(server, graph, admin, customer, answer.json()["id"])
        graph.tell("businesses", callback_url=f"{server.url}/callbacks/cloud/{made.device_id}")
        until(made.is_up, "the device is up")
        yield made
