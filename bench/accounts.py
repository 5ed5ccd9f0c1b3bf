"""The accounts that send: made through the product, as an administrator makes them."""

import asyncio
import json
import urllib.request
from pathlib import Path

import aiohttp

from bench.bare import Answer
from bench.processes import BenchError
from bench.waypost import ADMIN_PASSWORD

CREDITS = 10_000_000
PASSWORD = "bench-account-password"  # an account on loopback that lives for minutes
AT_ONCE = 8
CREATED = 201
BY_CONNECTION = {"date", "server", "content-length", "connection", "transfer-encoding"}
NUMBER = "27821232000"


def make(url: str, count: int, tokens: Path) -> None:
    """Make `count` accounts with credits and write their access tokens, one a line."""
    made = asyncio.run(_make(url, count))
    tokens.write_text("".join(f"{token}\n" for token in made))


def admin_token(url: str) -> str:
    """The administrator's access token."""
    return token_of(url, "admin", ADMIN_PASSWORD)


def token_of(url: str, name: str, password: str = PASSWORD) -> str:
    """An account's access token."""

    async def log_in() -> str:
        async with aiohttp.ClientSession(url) as session:
            return await _log_in(session, name, password)

    return asyncio.run(log_in())


async def _make(url: str, count: int) -> list[str]:
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        admin = await _log_in(session, "admin", ADMIN_PASSWORD)
        names = [f"bench-{number:03}" for number in range(count)]
        return await asyncio.gather(*(_account(session, admin, name) for name in names))


async def _account(session: aiohttp.ClientSession, admin: str, name: str) -> str:
    body = {"username": name, "password": PASSWORD, "credits": CREDITS}
    headers = {"Authorization": f"Bearer {admin}"}
    async with session.post("/api/admin/users", json=body, headers=headers) as answer:
        if answer.status != CREATED:
            raise BenchError(f"An account could not be made: {await answer.text()}")
    return await _log_in(session, name, PASSWORD)


async def _log_in(session: aiohttp.ClientSession, name: str, password: str) -> str:
    body = {"username": name, "password": password}
    async with session.post("/api/auth/login", json=body) as answer:
        if answer.status != 200:
            raise BenchError(f"{name} could not log in: {await answer.text()}")
        token: str = (await answer.json())["access_token"]
        return token


def one_answer(url: str, tokens: Path) -> Answer:
    """What one send is answered, but for the headers that any server writes itself."""
    request = urllib.request.Request(
        f"{url}/api/messages/send-message",
        json.dumps({"number": NUMBER, "message": "What does an answer look like?"}).encode(),
        {
            "Authorization": f"Bearer {tokens.read_text().splitlines()[0]}",
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        body = answer.read()
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in BY_CONNECTION]
    return Answer([*headers, ("content-length", str(len(body)))], body.decode())
