"""Each row of the table of errors, provoked on a running server; one shape for all of them."""

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.contract import page
from tests.contract.answers import BULK, NUMBER, SEND, STATUS, accepted, refused
from tests.support.server import Server
from waypost.accounts.tokens import Tokens

DAY = 86_400
HELLO = {"number": NUMBER, "message": "Hello"}
UNKNOWN_ID = "msg_" + "0" * 32

Provoke = Callable[[Server, str], httpx.Response]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose limits are not what is tested here."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(
        folder, RATE_LIMIT_AUTH="1000/minute", RATE_LIMIT_DEFAULT="off", RATE_LIMIT_SEND="off"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """An ordinary account's."""
    server.register("erin")
    return server.login("erin")


def test_every_row_of_the_original_page_is_provoked() -> None:
    assert page.errors() <= {(status, code) for status, code, _ in ROWS} | PROVOKED_IN_TEST_FAULTS


def _spend_all(server: Server, token: str) -> httpx.Response:
    left = accepted(server.get("/api/users/user/credits", token))["credits"]
    numbers = [f"2782000{n:04}" for n in range(1000, 1000 + left)]
    accepted(server.post(BULK, {"numbers": numbers, "message": "All"}, token))
    return server.post(SEND, HELLO, token)


def _register_twice(server: Server, _: str) -> httpx.Response:
    server.register("Twice")
    return server.post("/api/auth/register", {"username": "tWICE", "password": "password123"})


def _past_own_limit(server: Server, _: str) -> httpx.Response:
    id = server.register("hasty")
    accepted(_change(server, id, {"rate_limits": {"send": "1/minute"}}))
    token = server.login("hasty")
    accepted(server.post(SEND, HELLO, token))
    return server.post(SEND, HELLO, token)


ROWS: list[tuple[int, str, Provoke]] = [
    (400, "INVALID_REQUEST", lambda s, t: s.post(SEND, {"number": "abc"}, t)),
    (401, "UNAUTHORIZED", lambda s, t: s.get("/api/users/user/credits")),
    (403, "INSUFFICIENT_CREDITS", _spend_all),
    (403, "FORBIDDEN", lambda s, t: s.get("/api/admin/users", t)),
    (404, "NOT_FOUND", lambda s, t: s.get(f"{STATUS}/{UNKNOWN_ID}", t)),
    (405, "METHOD_NOT_ALLOWED", lambda s, t: s.request("DELETE", SEND, token=t)),
    (409, "CONFLICT", _register_twice),
    (413, "PAYLOAD_TOO_LARGE", lambda s, t: s.post(SEND, {"message": "x" * 2_000_000}, t)),
    (415, "UNSUPPORTED_MEDIA_TYPE", lambda s, t: _as_media(s, t, "text/plain")),
    (429, "RATE_LIMITED", _past_own_limit),
]
PROVOKED_IN_TEST_FAULTS = {(500, "INTERNAL_ERROR"), (503, "UNAVAILABLE")}


@pytest.mark.parametrize(("status", "code", "provoke"), ROWS, ids=[code for _, code, _ in ROWS])
def test_a_row_of_the_table(
    server: Server, token: str, status: int, code: str, provoke: Provoke
) -> None:
    refused(provoke(server, token), status, code)


# 401


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer nonsense",
        "Bearer a.b.c",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
        "Bearer \xff\xfe",
    ],
)
@pytest.mark.parametrize("path", [f"{STATUS}/{UNKNOWN_ID}", "/api/users/user/credits"])
def test_what_is_no_token_of_ours(server: Server, path: str, authorization: str) -> None:
    headers = {"Authorization": authorization.encode("latin-1")}
    refusal = httpx.get(server.url + path, headers=headers)

    refused(refusal, 401, "UNAUTHORIZED")
    assert refusal.headers["www-authenticate"] == "Bearer"


def test_an_expired_token_and_one_that_another_key_signed(server: Server, token: str) -> None:
    secret = (server.data_dir / "jwt-secret").read_text().strip()
    now = datetime.now(UTC)
    ours = Tokens(secret, (), DAY)
    claims = ours.read(token, now)
    assert claims is not None

    def issued(by: Tokens, at: datetime) -> str:
        return by.issue(claims.account_id, claims.session_id, uuid4(), at)

    def asked(token: str) -> httpx.Response:
        return server.get("/api/users/user/credits", token)

    accepted(asked(issued(ours, now)))
    refused(asked(issued(ours, now - timedelta(days=2))), 401, "UNAUTHORIZED")
    refused(asked(issued(Tokens("f" * 48, (), DAY), now)), 401, "UNAUTHORIZED")


def test_a_token_after_its_log_out(server: Server, token: str) -> None:
    ending = server.login("erin")
    accepted(server.post("/api/auth/logout", token=ending))

    refused(server.get("/api/users/user/credits", ending), 401, "UNAUTHORIZED")
    refused(server.post(SEND, HELLO, ending), 401, "UNAUTHORIZED")
    accepted(server.get("/api/users/user/credits", token))


def test_an_unknown_user_and_a_wrong_password_are_told_the_same(server: Server, token: str) -> None:
    def said(username: str) -> dict[str, object]:
        body = {"username": username, "password": "not the password"}
        answer = refused(server.post("/api/auth/login", body), 401, "UNAUTHORIZED")
        del answer["request_id"]
        return answer

    assert said("erin") == said("nobody at all")


# 403


def test_an_account_that_was_disabled(server: Server) -> None:
    id = server.register("disabled")
    token = server.login("disabled")
    accepted(_change(server, id, {"is_active": False}))

    refused(server.get("/api/users/user/credits", token), 403, "FORBIDDEN")
    refused(server.post(SEND, HELLO, token), 403, "FORBIDDEN")
    body = {"username": "disabled", "password": "password123"}
    refused(server.post("/api/auth/login", body), 403, "FORBIDDEN")


def test_the_words_of_too_few_credits(server: Server) -> None:
    server.register("poor")
    token = server.login("poor")
    numbers = [f"2782000{n:04}" for n in range(1000, 1150)]

    refusal = server.post(BULK, {"numbers": numbers, "message": "Too many"}, token)

    said = refused(refusal, 403, "INSUFFICIENT_CREDITS")["message"]
    assert said == "Not enough credits to send message. Required: 150, Available: 100"


def test_registration_that_is_closed(tmp_path: Path) -> None:
    with Server.started(tmp_path, REGISTRATION="closed") as server:
        body = {"username": "late", "password": "password123"}

        refused(server.post("/api/auth/register", body), 403, "FORBIDDEN")


# 405, 413, 415


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SEND, "POST"),
        ("PUT", BULK, "POST"),
        ("POST", f"{STATUS}/{UNKNOWN_ID}", "GET"),
        ("GET", "/api/auth/login", "POST"),
        ("PATCH", "/api/users/user/credits", "GET"),
    ],
)
def test_a_method_that_the_route_does_not_take(
    server: Server, token: str, method: str, path: str, allowed: str
) -> None:
    refusal = server.request(method, path, token=token)

    refused(refusal, 405, "METHOD_NOT_ALLOWED")
    assert refusal.headers["allow"] == allowed


@pytest.mark.parametrize(
    "request_line", ["BREW / HTTP/1.1", "GET / HTTP/9.9", "hello", "GET /a b HTTP/1.1"]
)
def test_what_is_not_http(server: Server, request_line: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(f"{request_line}\r\nHost: waypost\r\n\r\n".encode())
        head, _, body = line.makefile("rb").read().partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body).keys() >= {"error", "message", "code", "request_id"}
    assert json.loads(body)["error"] == "INVALID_REQUEST"


@pytest.mark.parametrize("path", [SEND, BULK, "/api/auth/login", "/api/templates"])
def test_a_body_that_is_too_large(server: Server, token: str, path: str) -> None:
    """By what its length says, and by what really comes when it says none."""
    url, headers = server.url + path, {"Authorization": f"Bearer {token}"}

    refused(httpx.post(url, content=b"x" * 1_048_577, headers=headers), 413, "PAYLOAD_TOO_LARGE")
    in_chunks = (b"x" * 65_536 for _ in range(17))
    refused(httpx.post(url, content=in_chunks, headers=headers), 413, "PAYLOAD_TOO_LARGE")


def test_the_largest_body_is_read(server: Server, token: str) -> None:
    content = b'{"number": 1}'.ljust(1_048_576)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    refused(httpx.post(server.url + SEND, content=content, headers=headers), 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"]
)
@pytest.mark.parametrize("path", [SEND, "/api/auth/login"])
def test_a_body_of_another_kind(server: Server, token: str, path: str, media: str) -> None:
    refused(_as_media(server, token, media, path), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_by_its_other_spellings(server: Server, media: str) -> None:
    server.register(f"speller {len(media)}")
    token = server.login(f"speller {len(media)}")

    accepted(_as_media(server, token, media))


# The request's id


def test_a_request_id_of_the_client_s_own_is_kept(server: Server) -> None:
    given = {"X-Request-ID": "order-1906.a_b"}
    refusal = httpx.get(f"{server.url}/api/nothing", headers=given)

    assert refused(refusal, 404, "NOT_FOUND")["request_id"] == "order-1906.a_b"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'in"jected', "\xe4"])
def test_a_request_id_that_could_break_a_log_is_replaced(server: Server, given: str) -> None:
    headers = {"X-Request-ID": given.encode("latin-1")}
    refusal = httpx.get(f"{server.url}/api/nothing", headers=headers)

    assert refused(refusal, 404, "NOT_FOUND")["request_id"].startswith("req_")


def _as_media(server: Server, token: str, media: str, path: str = SEND) -> httpx.Response:
    content = f'{{"number": "{NUMBER}", "message": "Hello"}}'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": media}
    return httpx.post(server.url + path, content=content, headers=headers)


def _change(server: Server, account_id: int, change: dict[str, object]) -> httpx.Response:
    return server.request("PATCH", f"/api/admin/users/{account_id}", change, server.admin())
