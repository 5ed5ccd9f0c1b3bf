"""Messages that wait, or reach what a test waits for, as callers see them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.contract.answers import BULK, NUMBER, SEND, STATUS, accepted
from tests.support.client import PASSWORD, Client
from tests.support.server import Server

DEVICES = "/api/devices"
POOLS = "/api/admin/pools"
USERS = "/api/admin/users"
CREDITS = "/api/users/user/credits"
MESSAGES = "/api/messages"

QUICK = {
    "TRUSTED_PROXIES": "127.0.0.1",
    "SANDBOX_DELIVERED_SECONDS": "0.1",
    "SANDBOX_READ_SECONDS": "0.1",
}
"""Settings of a server whose callers come from many addresses, and whose receipts come soon."""


def in_an_empty_pool(server: Server, admin: Client, username: str) -> tuple[Client, int]:
    """A new account whose messages wait, as its pool has no devices; and the pool's id."""
    pool_id = accepted(admin.post(POOLS, {"name": username}))["id"]
    body = {"username": username, "password": PASSWORD, "pool_id": pool_id, "credits": 1000}
    accepted(admin.post(USERS, body))
    client = Client.new(server)
    client.login(username)
    return client, pool_id


def add_device(admin: Client, pool_id: int, **config: object) -> str:
    """The path of a new simulated device of the pool."""
    name = f"of pool {pool_id}"
    body = {"name": name, "kind": "sandbox", "pool_id": pool_id, "config": config}
    return f"{DEVICES}/{accepted(admin.post(DEVICES, body))['id']}"


def sent(client: Client, number: str = NUMBER, **options: object) -> str:
    """A new message's queue_id."""
    body = {"number": number, "message": "Hello", **options}
    queue_id: str = accepted(client.post(SEND, body))["queue_id"]
    return queue_id


def sent_to_many(client: Client, count: int = 4, **options: object) -> dict[str, Any]:
    """What a new bulk is answered."""
    numbers = [f"2784{5_001_000 + n}" for n in range(count)]
    return accepted(client.post(BULK, {"numbers": numbers, "message": "Hello", **options}))


def status_of(client: Client, queue_id: str) -> dict[str, Any]:
    return accepted(client.get(f"{STATUS}/{queue_id}"))


def until_status(client: Client, queue_id: str, *statuses: str) -> dict[str, Any]:
    """The message when it has one of these statuses."""
    deadline = time.monotonic() + 30
    while (found := status_of(client, queue_id))["status"] not in statuses:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def facts_of(client: Client, queue_id: str) -> list[str]:
    """The message's facts in order, by type."""
    events = accepted(client.get(f"{MESSAGES}/{queue_id}/events"))["events"]
    return [event["type"] for event in events]


def credits_of(client: Client) -> int:
    credits: int = accepted(client.get(CREDITS))["credits"]
    return credits


def moment(**after: float) -> str:
    """A time so long after now, as a request gives it."""
    return f"{datetime.now(UTC) + timedelta(**after):%Y-%m-%dT%H:%M:%SZ}"
