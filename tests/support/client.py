"""A caller with an address of its own, for servers that trust 127.0.0.1 as a proxy."""

import json
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from tests.support.server import ADMIN_PASSWORD, Server

PASSWORD = "password123"
_HOSTS = count(1)


@dataclass
class Client:
    """Somebody at one address; start the server with TRUSTED_PROXIES=127.0.0.1."""

    server: Server
    address: str
    token: str | None = None
    id: int = 0

    @classmethod
    def new(cls, server: Server) -> "Client":
        """Somebody who was never here."""
        host = next(_HOSTS)
        return cls(server, f"198.51.{host // 256}.{host % 256}")

    @classmethod
    def admin(cls, server: Server) -> "Client":
        """The administrator, signed in."""
        client = cls.new(server)
        client.login("admin", ADMIN_PASSWORD)
        return client

    @classmethod
    def member(cls, server: Server, username: str) -> "Client":
        """Somebody with a new account, signed in."""
        client = cls.new(server)
        body = {"username": username, "password": PASSWORD}
        assert client.post("/api/auth/register", body).status_code == 201
        client.login(username)
        return client

    def login(self, username: str, password: str = PASSWORD) -> dict[str, Any]:
        """Sign in, and stay so."""
        answer = self.post("/api/auth/login", {"username": username, "password": password})
        assert answer.status_code == 200, answer.text
        session: dict[str, Any] = answer.json()
        self.token, self.id = session["access_token"], session["user_id"]
        return session

    def get(self, path: str) -> httpx.Response:
        return self.call("GET", path)

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.call("POST", path, body)

    def patch(self, path: str, body: Any) -> httpx.Response:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> httpx.Response:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"X-Forwarded-For": self.address}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body)
        url = self.server.url + path
        return httpx.request(method, url, content=content, headers=headers, timeout=30)


def assert_refused(answer: httpx.Response, status: int, code: str, *fields: str) -> None:
    """The contract's one shape for every failure, naming these fields."""
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert said["error"] == code
    assert said["code"] == status
    assert said["request_id"] == answer.headers["x-request-id"]
    assert isinstance(said["message"], str)
    assert said["message"]
    assert {problem["field"] for problem in said.get("details", [])} == set(fields)
