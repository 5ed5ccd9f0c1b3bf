"""Bodies and queries that the contract does not know: a 400 that names the field, never a 422."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.answers import (
    BULK,
    HISTORY,
    NUMBER,
    SEND,
    STATUS,
    accepted,
    refused,
    refused_fields,
)
from tests.support.server import Server

HALF = "half of a pair \ud800"
NUL = "with a \0 inside"

# For each field what may stand in it, and all else is tried.
KINDS = {"text": "x", "number": 1, "fraction": 1.5, "truth": True, "list": [], "object": {}}

WRONG_IN_SEND = {
    "number": KINDS.keys() - {"text"},
    "message": KINDS.keys() - {"text"},
    "template_id": KINDS.keys() - {"number"},
    "variables": KINDS.keys() - {"object"},
    "device_id": KINDS.keys() - {"number"},
    "send_at": KINDS.keys(),
    "expires_in": KINDS.keys() - {"number"},
    "reference": KINDS.keys() - {"text"},
}
WRONG_IN_BULK = {
    "numbers": KINDS.keys(),
    "recipients": KINDS.keys(),
    "message": KINDS.keys() - {"text"},
    "template_id": KINDS.keys() - {"number"},
    "variables": KINDS.keys() - {"object"},
    "send_at": KINDS.keys(),
    "expires_in": KINDS.keys() - {"number"},
    "reference": KINDS.keys() - {"text"},
}

GOOD_SEND = {"number": NUMBER, "message": "Hello"}
GOOD_BULK = {"numbers": [NUMBER], "message": "Hello"}

BROKEN_JSON = [
    b"",
    b"{",
    b"}",
    b"hello",
    b'{"number": }',
    b'{"number": "27821234567"} {"message": "Hello"}',
    b"{'number': '27821234567'}",
    b'{"number": NaN}',
    b'\xff\xfe{"number": "27821234567"}',
    b'{"number": "\xe9"}',
    b'{"number": "\x00"}',
    b'{"message": "\\ud800"',
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b'{"variables": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"variables": {"a": ' + b"[" * 400 + b"]" * 400 + b"}}",
    b"[]",
    b"null",
    b"true",
    b"1",
    b'"text"',
    b"9" * 10_000,
    b'{"template_id": ' + b"9" * 10_000 + b"}",
    b'{"template_id": 1e999999}',
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose limits are not what is tested here."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(
        folder,
        RATE_LIMIT_AUTH="1000/minute",
        RATE_LIMIT_SEND="off",
        RATE_LIMIT_BULK="off",
        RATE_LIMIT_DEFAULT="off",
        SIGNUP_CREDITS="1000",
    ) as running:
        yield running


@pytest.fixture(scope="module")
def token(server: Server) -> Iterator[str]:
    """An account whose requests are all refused, so that it pays for none of them."""
    server.register("fields")
    token = server.login("fields")
    yield token
    assert accepted(server.get("/api/users/user/credits", token))["credits"] == 1000


@pytest.fixture(scope="module")
def payer(server: Server) -> str:
    """An account whose requests may succeed."""
    server.register("payer")
    return server.login("payer")


def _cases(wrong: dict[str, Any]) -> list[tuple[str, str]]:
    return [(field, kind) for field, kinds in wrong.items() for kind in sorted(kinds)]


@pytest.mark.parametrize(("field", "kind"), _cases(WRONG_IN_SEND))
def test_a_field_of_a_send_with_another_type(
    server: Server, token: str, field: str, kind: str
) -> None:
    refusal = server.post(SEND, GOOD_SEND | {field: KINDS[kind]}, token)

    assert refused_fields(refusal) == {field}


@pytest.mark.parametrize(("field", "kind"), _cases(WRONG_IN_BULK))
def test_a_field_of_a_bulk_with_another_type(
    server: Server, token: str, field: str, kind: str
) -> None:
    base = GOOD_BULK if field != "recipients" else {"message": "Hello"}
    refusal = server.post(BULK, base | {field: KINDS[kind]}, token)

    assert refused_fields(refusal) == {field}


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"text"}))
def test_an_element_of_a_bulk_with_another_type(server: Server, token: str, kind: str) -> None:
    numbers = GOOD_BULK | {"numbers": [NUMBER, KINDS[kind]]}
    recipients = {"message": "Hello", "recipients": [{"number": KINDS[kind]}]}

    assert refused_fields(server.post(BULK, numbers, token)) == {"numbers[1]"}
    assert refused_fields(server.post(BULK, recipients, token)) == {"recipients[0].number"}


@pytest.mark.parametrize("kind", ["list", "object"])
def test_a_variable_that_is_no_value(server: Server, token: str, kind: str) -> None:
    written = {"name": f"for a {kind}", "body": "Dear {{name}}"}
    template_id = accepted(server.post("/api/templates", written, token))["id"]
    variables = {"name": KINDS[kind], "other": []}
    body = {"number": NUMBER, "template_id": template_id, "variables": variables}

    assert refused_fields(server.post(SEND, body, token)) == {"variables.name"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SEND, {"number": None, "message": "Hello"}),
        ("/api/devices/check-numbers", {"numbers": None}),
        ("/api/auth/login", {"username": None, "password": "password123"}),
        ("/api/templates", {"name": "n", "body": None}),
    ],
)
def test_a_required_field_that_is_null_is_absent(
    server: Server, token: str, path: str, body: dict[str, Any]
) -> None:
    (problem,) = refused(server.post(path, body, token), 400, "INVALID_REQUEST")["details"]

    assert body[problem["field"]] is None
    assert problem["problem"] == "is required"


def test_null_for_a_list_that_may_be_left_out_is_absent(server: Server, payer: str) -> None:
    provider = {"name": "hello", "language": "en", "variables": None}
    written = {"name": "null inside", "body": "Hello", "provider": provider}

    kept = accepted(server.post("/api/templates", written, payer))

    assert kept["provider"]["variables"] == []


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        ([], "has 0 entries; 1 is the least"),
        ([NUMBER] * 201, "has 201 entries; 200 is the most"),
        ([NUMBER] * 5000, "has 5000 entries; 200 is the most"),
    ],
)
def test_too_few_or_many_are_told_in_plain_words(
    server: Server, token: str, numbers: list[str], problem: str
) -> None:
    answer = server.post("/api/devices/check-numbers", {"numbers": numbers}, token)

    details = refused(answer, 400, "INVALID_REQUEST")["details"]
    assert details == [{"field": "numbers", "problem": problem}]


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (SEND, {}, {"number"}),
        (SEND, {"number": NUMBER}, {"message"}),
        (SEND, {"number": None, "message": "Hello"}, {"number"}),
        (SEND, {"number": NUMBER, "message": None}, {"message"}),
        (SEND, {"number": NUMBER, "message": ""}, {"message"}),
        (SEND, {"number": "", "message": "Hello"}, {"number"}),
        (SEND, {"number": "abc", "message": ""}, {"number", "message"}),
        (SEND, GOOD_SEND | {"template_id": 1}, {"template_id"}),
        (SEND, GOOD_SEND | {"meessage": "Hello", "x": 1}, {"meessage", "x"}),
        (SEND, GOOD_SEND | {"number ": NUMBER}, {"number "}),
        (SEND, GOOD_SEND | {"queue_id": "msg_1"}, {"queue_id"}),
        (BULK, {"message": "Hello"}, {"numbers"}),
        (BULK, {"numbers": [NUMBER]}, {"message"}),
        (BULK, GOOD_BULK | {"numbers": []}, {"numbers"}),
        (BULK, GOOD_BULK | {"numbers": ["abc", "", "12"]}, {"numbers"}),
        (BULK, GOOD_BULK | {"recipients": [{"number": NUMBER}]}, {"recipients"}),
        (BULK, {"message": "Hi", "recipients": [{"number": NUMBER, "x": 1}]}, {"recipients[0].x"}),
        (BULK, GOOD_BULK | {"number": NUMBER}, {"number"}),
        ("/api/auth/login", {"username": "fields"}, {"password"}),
        ("/api/auth/login", {"username": 1, "password": []}, {"username", "password"}),
        ("/api/auth/login", {"username": "a", "password": "b", "c": "d"}, {"c"}),
        ("/api/auth/register", {"username": "new", "password": "short"}, {"password"}),
        ("/api/auth/register", {"username": "samesame", "password": "samesame"}, {"password"}),
        ("/api/auth/register", {"username": "", "password": "password123"}, {"username"}),
        ("/api/templates", {"name": "n", "body": ""}, {"body"}),
        ("/api/templates", {"name": "n", "body": "x" * 4097}, {"body"}),
        ("/api/templates", {"name": "n", "body": "b", "variables": ["a"]}, {"variables"}),
    ],
)
def test_the_refusal_names_every_field_at_fault(
    server: Server, token: str, path: str, body: dict[str, Any], fields: set[str]
) -> None:
    assert refused_fields(server.post(path, body, token)) == fields


@pytest.mark.parametrize("id", [0, -1, 2**62, 2**63, 2**80])
@pytest.mark.parametrize(
    ("path", "to"), [(SEND, {"number": NUMBER}), (BULK, {"numbers": [NUMBER]})], ids=["one", "bulk"]
)
def test_a_send_by_a_template_that_is_not_there(
    server: Server, token: str, path: str, to: dict[str, Any], id: int
) -> None:
    answer = refused(server.post(path, {**to, "template_id": id}, token), 404, "NOT_FOUND")

    assert answer["message"] == "There is no template by that id."


@pytest.mark.parametrize("text", [NUL, HALF], ids=["NUL", "half a surrogate pair"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SEND, {"number": NUMBER, "message": "TEXT"}),
        (SEND, {"number": "TEXT", "message": "Hello"}),
        (SEND, GOOD_SEND | {"TEXT": 1}),
        (BULK, {"numbers": [NUMBER], "message": "TEXT"}),
        ("/api/templates", {"name": "TEXT", "body": "b"}),
        ("/api/templates", {"name": "n", "body": "TEXT"}),
        ("/api/auth/login", {"username": "TEXT", "password": "password123"}),
        ("/api/auth/login", {"username": "fields", "password": "TEXT"}),
        ("/api/auth/login", {"username": "fields", "password": "password123", "TEXT": 1}),
        ("/api/auth/register", {"username": "TEXT", "password": "password123"}),
        ("/api/auth/register", {"username": "text", "password": "TEXTTEXT"}),
        ("/api/auth/register", {"username": "t", "password": "password123", "email": "TEXT"}),
    ],
)
def test_a_text_that_cannot_be_kept(
    server: Server, token: str, path: str, body: dict[str, Any], text: str
) -> None:
    content = json.dumps(body).replace("TEXT", json.dumps(text)[1:-1])

    refused(_raw(server, token, path, content.encode()), 400, "INVALID_REQUEST")


@pytest.mark.parametrize("text", [NUL, HALF], ids=["NUL", "half a surrogate pair"])
def test_a_variable_that_cannot_be_kept(server: Server, token: str, text: str) -> None:
    written = {"name": f"of {len(text)}", "body": "Dear {{name}}"}
    template_id = accepted(server.post("/api/templates", written, token))["id"]
    body = {"number": NUMBER, "template_id": template_id, "variables": {"name": text}}

    refusal = _raw(server, token, SEND, json.dumps(body).encode())

    assert all(field.startswith("variables") for field in refused_fields(refusal))


@pytest.mark.parametrize("content", BROKEN_JSON, ids=lambda content: repr(content[:30]))
@pytest.mark.parametrize("path", [SEND, BULK, "/api/auth/login", "/api/templates"])
def test_a_body_that_is_no_json_object(
    server: Server, token: str, path: str, content: bytes
) -> None:
    refused(_raw(server, token, path, content), 400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("method", "path", "names"),
    [
        ("POST", f"{SEND}?dry_run=1", {"dry_run"}),
        ("POST", f"{BULK}?a=1&b", {"a", "b"}),
        ("GET", f"{STATUS}/msg_{'0' * 32}?verbose=1", {"verbose"}),
        ("GET", f"{HISTORY}?offset=1", {"offset"}),
        ("GET", f"{HISTORY}?page=1&Page=2", {"Page"}),
        ("GET", "/api/users/user/credits?x=1", {"x"}),
        ("GET", "/api/templates?%00=1", {"\0"}),
        ("GET", "/healthz?x=1", {"x"}),
    ],
)
def test_a_query_parameter_that_nobody_knows(
    server: Server, token: str, method: str, path: str, names: set[str]
) -> None:
    body = {SEND: GOOD_SEND, BULK: GOOD_BULK}.get(path.partition("?")[0])

    assert refused_fields(server.request(method, path, body, token)) == names


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=", "page"),
        ("page=1.5", "page"),
        (f"page={10**40}", "page"),
        (f"page={'9' * 5000}", "page"),
        ("per_page=0", "per_page"),
        ("per_page=many", "per_page"),
        ("status=Lost", "status"),
        ("status=queued%00", "status"),
        ("number=abc", "number"),
        ("number=%00", "number"),
        ("number=%ff", "number"),
        ("from=yesterday", "from"),
        ("from=0001-01-01T00:00:00%2B14:00", "from"),
        ("to=9999-99-99", "to"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "A" * 3000, "cursor"),
    ],
)
def test_a_filter_of_history_that_cannot_be(
    server: Server, token: str, query: str, field: str
) -> None:
    assert refused_fields(server.get(f"{HISTORY}?{query}", token)) == {field}


@pytest.mark.parametrize(
    "query",
    [
        "per_page=1000",
        "per_page=99999999999",
        "page=2147483647",
        "from=0001-01-01T00:00:00Z",
        "to=9999-12-31T23:59:59Z",
        "from=2025-06-03T10:30:00%2B14:00",
        "number=%2B27%2082%20123-4567",
        "number=+27821234567",
        "status=Read&from=2025-06-03&to=2025-06-04",
    ],
)
def test_a_filter_of_history_at_its_edge(server: Server, token: str, query: str) -> None:
    answer = accepted(server.get(f"{HISTORY}?{query}", token))

    assert answer["messages"] == []
    assert answer["pagination"]["per_page"] <= 100


@pytest.mark.parametrize(
    "path",
    [
        "/api/templates",
        "/api/users/user/statement",
        "/api/admin/users",
        "/api/admin/messages",
        "/api/admin/audit",
    ],
)
def test_any_larger_number_a_page_counts_as_100(server: Server, path: str) -> None:
    accepted(server.get(f"{path}?per_page={10**30}", server.admin()))


def test_null_means_absent(server: Server, payer: str) -> None:
    nothing = {"template_id": None, "variables": None}

    accepted(server.post(SEND, GOOD_SEND | nothing, payer))
    accepted(server.post(BULK, GOOD_BULK | nothing | {"recipients": None}, payer))


def test_variables_without_a_template_are_ignored(server: Server, payer: str) -> None:
    for value in ("Ada", [1], {"first": "Ada"}):
        accepted(server.post(SEND, GOOD_SEND | {"variables": {"name": value}}, payer))


@pytest.mark.parametrize(
    "given", ["27821234567", "+27821234567", "27 82 123 4567", "+27-82-123-4567", "+27 82 1234567"]
)
def test_a_number_in_many_spellings_is_shown_as_digits(
    server: Server, payer: str, given: str
) -> None:
    sent = accepted(server.post(SEND, {"number": given, "message": "Hello"}, payer))

    shown = accepted(server.get(f"{STATUS}/{sent['queue_id']}", payer))["number"]
    assert shown == "27821234567"


def test_numbers_that_are_none_do_not_stop_the_rest_of_a_bulk(server: Server, payer: str) -> None:
    numbers = ["27821234561", "nobody", "+27 82 123 4561", "27821234562", "12"]

    answer = accepted(server.post(BULK, {"numbers": numbers, "message": "Hello"}, payer))

    first, second = answer["queue_ids"]
    assert answer["messages_created"] == 2
    assert [each["number"] for each in answer["results"]] == [
        "27821234561",
        "nobody",
        "27821234561",
        "27821234562",
        "12",
    ]
    assert [each.get("queue_id") for each in answer["results"]] == [
        first,
        None,
        first,
        second,
        None,
    ]
    assert [each.get("error") for each in answer["results"]] == [
        None,
        "INVALID_REQUEST",
        None,
        None,
        "INVALID_REQUEST",
    ]


def test_a_send_names_the_variable_that_is_missing(server: Server, token: str) -> None:
    written = {"name": "two places", "body": "{{greeting}}, {{name}}"}
    template_id = accepted(server.post("/api/templates", written, token))["id"]
    body = {"number": NUMBER, "template_id": template_id, "variables": {"greeting": "Hello"}}

    assert refused_fields(server.post(SEND, body, token)) == {"variables.name"}


def _raw(server: Server, token: str, path: str, content: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return httpx.post(server.url + path, content=content, headers=headers, timeout=30)
