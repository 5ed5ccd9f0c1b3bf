"""The document that describes the API, and the page that shows it without the internet."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract.answers import BULK, HISTORY, NUMBER, SEND, STATUS, accepted, refused
from tests.support.server import Server

# The public routes, by hand: what is added or lost here is added to or lost from the contract.
ROUTES = """
POST /api/auth/login
POST /api/auth/register
POST /api/auth/refresh
POST /api/auth/logout
POST /api/auth/change-password
POST /api/messages/send-message
POST /api/messages/send-bulk-message
GET /api/messages/message-status/{queue_id}
GET /api/messages/messages
GET /api/messages/inbox
GET /api/messages/{queue_id}/events
POST /api/messages/{queue_id}/cancel
GET /api/messages/batches/{batch_id}
POST /api/messages/batches/{batch_id}/pause
POST /api/messages/batches/{batch_id}/resume
POST /api/messages/batches/{batch_id}/cancel
GET POST /api/templates
GET PUT DELETE /api/templates/{id}
POST /api/templates/{id}/preview
POST /api/templates/import
GET /api/users/user/credits
GET PATCH /api/users/user/profile
GET /api/users/user/statement
GET POST /api/media
GET DELETE /api/media/{media_id}
GET POST /api/devices
GET PATCH DELETE /api/devices/{id}
POST /api/devices/{id}/connect
POST /api/devices/{id}/disconnect
POST /api/devices/{id}/logout
POST /api/devices/{id}/pause
POST /api/devices/{id}/resume
POST /api/devices/check-numbers
GET POST /api/admin/users
GET PATCH DELETE /api/admin/users/{id}
POST /api/admin/users/{id}/credits
GET /api/admin/users/{id}/statement
GET POST /api/admin/pools
GET PATCH DELETE /api/admin/pools/{id}
GET /api/admin/messages
POST /api/admin/messages/{queue_id}/resolve
GET /api/admin/stats
GET /api/admin/audit
GET POST /callbacks/cloud/{device_id}
GET /healthz
GET /readyz
GET /metrics
"""
OPEN = {
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/refresh"),
    ("GET", "/callbacks/cloud/{device_id}"),
    ("POST", "/callbacks/cloud/{device_id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
}

Route = tuple[str, str]


def _routes() -> list[Route]:
    lines = [line.split() for line in ROUTES.split("\n") if line]
    return [(method, path) for *methods, path in lines for method in methods]


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    return accepted(server.get("/openapi.json"))


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    server.register("reader")
    return server.login("reader")


def _operations(document: dict[str, Any]) -> dict[Route, dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_document_holds_every_route(document: dict[str, Any]) -> None:
    assert set(_operations(document)) == set(_routes())


@pytest.mark.parametrize(("method", "path"), _routes())
def test_the_server_has_the_route_and_asks_for_a_token_where_it_says_so(
    server: Server, document: dict[str, Any], method: str, path: str
) -> None:
    is_open = (method, path) in OPEN
    body = {} if is_open and method == "POST" else None

    answer = server.request(method, re.sub(r"\{\w+\}", "1", path), body)

    assert ("security" not in _operations(document)[method, path]) == is_open
    if is_open:
        assert answer.status_code in (200, 400, 403)  # a provider's call is signed instead
    else:
        refused(answer, 401, "UNAUTHORIZED")


def test_every_operation_is_told_in_words_and_names_the_shape_of_errors(
    document: dict[str, Any],
) -> None:
    for route, operation in _operations(document).items():
        assert operation["summary"], route
        assert operation["tags"], route
        assert operation["operationId"], route
        assert "422" not in operation["responses"], route
        errors = operation["responses"]["default"]["content"]["application/json"]["schema"]
        assert errors == {"$ref": "#/components/schemas/Error"}, route
    ids = [operation["operationId"] for operation in _operations(document).values()]
    assert len(ids) == len(set(ids))


def test_every_answer_is_described(document: dict[str, Any]) -> None:
    """A schema that allows any object tells nobody what comes."""
    vague = []
    for route, operation in _operations(document).items():
        (success,) = (code for code in operation["responses"] if code != "default")
        for media, content in operation["responses"][success]["content"].items():
            schema = content["schema"]
            if media == "application/json" and not schema.keys() & {"$ref", "properties"}:
                vague.append(route)

    assert vague == []


def test_the_document_tells_that_a_cursor_goes_before_a_page(document: dict[str, Any]) -> None:
    parameters = _operations(document)["GET", HISTORY]["parameters"]
    (page,) = (each for each in parameters if each["name"] == "page")

    assert "Ignored where `cursor` is given" in page["description"]


@pytest.mark.parametrize("path", [SEND, BULK])
def test_the_document_tells_that_a_send_may_come_again(document: dict[str, Any], path: str) -> None:
    operation = _operations(document)["POST", path]
    (header,) = operation["parameters"]

    assert (header["in"], header["name"]) == ("header", "Idempotency-Key")
    assert not header["required"]
    assert "Idempotent-Replay" in operation["responses"]["200"]["headers"]


def test_the_lean_lane_answers_as_the_document_says(
    server: Server, document: dict[str, Any], token: str
) -> None:
    sent = server.post(SEND, {"number": NUMBER, "message": "Hello"}, token)
    bulk = server.post(BULK, {"numbers": [NUMBER, "x"], "message": "Hello"}, token)
    status = server.get(f"{STATUS}/{sent.json()['queue_id']}", token)
    unknown = server.get(f"{STATUS}/msg_1", token)

    _see_it_fits(document, ("POST", SEND), sent)
    _see_it_fits(document, ("POST", BULK), bulk)
    _see_it_fits(document, ("GET", f"{STATUS}/{{queue_id}}"), status)
    _see_it_fits(document, ("GET", f"{STATUS}/{{queue_id}}"), unknown, "default")


@pytest.mark.parametrize(
    "path", ["/api/templates", "/api/devices", HISTORY, "/api/users/user/statement", "/readyz"]
)
def test_a_reading_route_answers_as_the_document_says(
    server: Server, document: dict[str, Any], token: str, path: str
) -> None:
    server.post("/api/templates", {"name": path, "body": "Dear {{name}}"}, token)

    _see_it_fits(document, ("GET", path), server.get(path, token))


def test_a_body_that_the_document_allows_not_is_refused(
    server: Server, document: dict[str, Any], token: str
) -> None:
    body = {"number": NUMBER, "message": "Hello", "priority": 1}
    operation = _operations(document)["POST", SEND]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]

    assert not _validator(document, schema).is_valid(body)
    refused(server.post(SEND, body, token), 400, "INVALID_REQUEST")


def test_the_documentation_page_needs_nothing_from_another_host(server: Server) -> None:
    page = server.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    links = _links(page.text)
    assert len(links) >= 3

    for link in links:
        assert not urlsplit(link).netloc, f"{link} is on another host"
        fetched = server.get(urljoin("/docs", link))
        assert fetched.status_code == 200, link
        assert fetched.content, link
        if link.endswith(".css"):
            outside = re.findall(r"url\(\s*['\"]?(?!data:|#)([^)'\"]+)", fetched.text)
            assert outside == []


def test_the_script_of_the_documentation_page_reads_our_document(server: Server) -> None:
    page = server.get("/docs").text

    assert re.findall(r"https?://[^\s'\"]+", page) == []
    assert re.findall(r"url: '([^']+)'", page) == ["/openapi.json"]


@pytest.mark.parametrize("path", ["nothing.js", "../api.py", "%2e%2e/%2e%2e/etc/passwd"])
def test_no_other_file_is_served(server: Server, path: str) -> None:
    refused(httpx.get(f"{server.url}/static-offline-docs/{path}"), 404, "NOT_FOUND")


def _see_it_fits(
    document: dict[str, Any], route: Route, answer: httpx.Response, status: str = "200"
) -> None:
    responses = _operations(document)[route]["responses"]
    schema = responses[status]["content"]["application/json"]["schema"]
    assert schema, f"{route} is not described"
    _validator(document, schema).validate(answer.json())


def _validator(document: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    whole = {**schema, "components": document["components"]}
    return jsonschema.Draft202012Validator(whole)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def _links(html: str) -> list[str]:
    parser = _Links()
    parser.feed(html)
    return parser.found
