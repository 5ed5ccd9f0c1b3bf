"""The edge: whatever happens behind it, the answer has the contract's shape and its headers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY
from structlog.contextvars import bind_contextvars, get_contextvars
from structlog.testing import capture_logs

from waypost.kit.errors import Conflict, Invalid, Problem, RateLimited, Refusal, Unavailable
from waypost.kit.web import (
    App,
    Bodies,
    Edge,
    Message,
    Receive,
    Scope,
    Send,
    encode_headers,
    error_body,
    exchange_of,
    respond,
)

MOST = 100
SECRET = "password=hunter2 27821234567"
JSON = ("Content-Type", "application/json")
FILES = Bodies(2 * MOST, (b"multipart/form-data",), "The body must be a form.")

Header = tuple[str, str]


@dataclass(frozen=True)
class Answer:
    """What reached the client."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


async def ask(
    app: App, headers: Iterable[Header] = (), chunks: Iterable[bytes] = (), path: str = "/x"
) -> Answer:
    """Send one request through an edge around the app; the answer must be a whole one."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    parts = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    parts.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Message] = []

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    edge = Edge(app, MOST, lambda: "req_made", {"/files": FILES})
    await edge(scope, receive, send)
    return whole(sent)


def whole(sent: list[Message]) -> Answer:
    start, *rest = sent
    assert start["type"] == "http.response.start"
    assert {part["type"] for part in rest} == {"http.response.body"}
    names = [name for name, _ in start["headers"]]
    assert all(name == name.lower() for name in names)
    assert len(set(names)) == len(names), "no header is sent twice"
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(part.get("body", b"") for part in rest))


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 200, b"{}")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body and sends it back."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await respond(send, 200, json.dumps(body.decode()).encode())


def raising(error: Exception) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


def length(body: bytes | int) -> Header:
    return "Content-Length", str(body if isinstance(body, int) else len(body))


@pytest.mark.parametrize("given", ["abc-123", "A.b_9", "x" * 64, "0"])
async def test_a_request_keeps_the_id_its_client_gave(given: str) -> None:
    assert (await ask(fine, [("X-Request-ID", given)])).headers["x-request-id"] == given


@pytest.mark.parametrize(
    "given", ["", "x" * 65, "a b", "a\nb", "a\n", "a\r\nSet-Cookie: x", "é", "a/b", "<b>", '"']
)
async def test_an_id_that_is_not_sane_is_replaced(given: str) -> None:
    assert (await ask(fine, [("X-Request-ID", given)])).headers["x-request-id"] == "req_made"


async def test_a_request_without_an_id_is_given_one() -> None:
    assert (await ask(fine)).headers["x-request-id"] == "req_made"


async def test_the_id_stands_in_the_exchange_the_error_and_the_logs() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend([exchange_of(scope).request_id, get_contextvars()])
        raise Conflict("No.")

    answer = await ask(app, [("X-Request-ID", "mine")])

    assert seen == ["mine", {"request_id": "mine"}]
    assert answer.error["request_id"] == "mine"


async def test_nothing_of_one_request_stands_in_the_logs_of_the_next() -> None:
    async def first(scope: Scope, receive: Receive, send: Send) -> None:
        bind_contextvars(account_id=1)
        await fine(scope, receive, send)

    async def second(scope: Scope, receive: Receive, send: Send) -> None:
        assert get_contextvars() == {"request_id": "req_made"}
        await fine(scope, receive, send)

    await ask(first)

    assert (await ask(second)).status == 200


async def test_a_refusal_has_the_one_shape_of_errors() -> None:
    answer = await ask(raising(Conflict("It is taken.")))

    assert answer.status == 409
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.error == {
        "error": "CONFLICT",
        "message": "It is taken.",
        "code": 409,
        "request_id": "req_made",
    }


async def test_problems_are_told_field_by_field() -> None:
    refusal = Invalid.fields(Problem("number", "is required"), Problem("x", "is odd"))

    assert (await ask(raising(refusal))).error["details"] == [
        {"field": "number", "problem": "is required"},
        {"field": "x", "problem": "is odd"},
    ]


@pytest.mark.parametrize(
    ("refusal", "name", "value"),
    [
        (Unavailable("Away.", 7), "retry-after", "7"),
        (RateLimited("Slow.", headers={"RateLimit-Limit": "10"}), "ratelimit-limit", "10"),
    ],
)
async def test_a_refusals_headers_are_sent(refusal: Refusal, name: str, value: str) -> None:
    assert (await ask(raising(refusal))).headers[name] == value


async def test_headers_gathered_on_the_way_are_added_to_any_answer() -> None:
    def gathering(app: App) -> App:
        async def gather(scope: Scope, receive: Receive, send: Send) -> None:
            exchange_of(scope).headers["RateLimit-Limit"] = "10"
            await app(scope, receive, send)

        return gather

    for app in (fine, raising(Conflict("No.")), raising(ZeroDivisionError())):
        assert (await ask(gathering(app))).headers["ratelimit-limit"] == "10"


async def test_a_refusals_own_header_counts_where_another_was_gathered() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).headers["RateLimit-Limit"] = "10"
        raise RateLimited("Slow.", headers={"RateLimit-Limit": "300"})

    assert (await ask(app)).headers["ratelimit-limit"] == "300"


async def test_an_answers_own_headers_are_kept() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 201, b"{}", {"Location": "/y"})

    answer = await ask(app)

    assert (answer.status, answer.headers["location"]) == (201, "/y")


async def test_a_crash_tells_nothing_of_the_inside_but_to_the_log() -> None:
    with capture_logs() as logs:
        answer = await ask(raising(RuntimeError(SECRET)))

    assert answer.error == {
        "error": "INTERNAL_ERROR",
        "message": "Internal server error",
        "code": 500,
        "request_id": "req_made",
    }
    assert not any(SECRET in f"{name}: {value}" for name, value in answer.headers.items())
    [crash] = [line for line in logs if line["event"] == "request.crashed"]
    assert (crash["log_level"], crash["exc_info"]) == ("error", True)


async def test_a_crash_after_the_answer_began_sends_no_second_one() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await fine(scope, receive, send)
        raise RuntimeError(SECRET)

    with capture_logs() as logs:
        answer = await ask(app)

    assert (answer.status, answer.body) == (200, b"{}")
    assert "request.crashed" in {line["event"] for line in logs}


@pytest.mark.parametrize("size", [0, 1, MOST])
async def test_a_body_up_to_the_limit_is_taken(size: int) -> None:
    body = b"x" * size
    answer = await ask(echo, [JSON, length(body)], [body])

    assert json.loads(answer.body) == body.decode()


@pytest.mark.parametrize("size", [MOST + 1, 2**31, 2**64, 10**30])
async def test_a_body_that_says_it_is_larger_is_refused_before_it_is_read(size: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody behind the edge hears of it")

    answer = await ask(app, [JSON, length(size)])

    assert (answer.status, answer.error["error"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("headers", [[("Transfer-Encoding", "chunked")], [length(5)], []])
@pytest.mark.parametrize("chunks", [[b"x" * (MOST + 1)], [b"x" * 50, b"x" * 50, b"x"]])
async def test_a_body_that_turns_out_larger_is_refused_where_it_crosses_the_limit(
    headers: list[Header], chunks: list[bytes]
) -> None:
    answer = await ask(echo, [JSON, *headers], chunks)

    assert (answer.status, answer.error["error"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_in_chunks_up_to_the_limit_is_taken() -> None:
    chunks = [b"x" * 50, b"", b"x" * 50]
    answer = await ask(echo, [JSON, ("Transfer-Encoding", "chunked")], chunks)

    assert json.loads(answer.body) == "x" * MOST


@pytest.mark.parametrize(
    "media",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "x"],
)
@pytest.mark.parametrize("header", [length(2), ("Transfer-Encoding", "chunked")])
async def test_a_body_that_is_not_json_is_refused(media: str, header: Header) -> None:
    answer = await ask(echo, [("Content-Type", media), header], [b"{}"])

    assert (answer.status, answer.error["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/problem+json",
    ],
)
async def test_json_is_taken_however_it_is_written(media: str) -> None:
    assert (await ask(echo, [("Content-Type", media), length(2)], [b"{}"])).status == 200


@pytest.mark.parametrize(
    ("path", "media", "size", "status"),
    [
        ("/files", "multipart/form-data; boundary=x", 2 * MOST, 200),
        ("/files/1", "multipart/form-data; boundary=x", 2 * MOST, 200),
        ("/files", "multipart/form-data; boundary=x", 2 * MOST + 1, 413),
        ("/files", "application/json", MOST, 415),
        ("/other", "application/json", MOST, 200),
        ("/other", "application/json", MOST + 1, 413),
    ],
)
async def test_a_path_may_take_other_bodies_than_the_rest(
    path: str, media: str, size: int, status: int
) -> None:
    body = b"x" * size

    answer = await ask(echo, [("Content-Type", media), length(body)], [body], path)

    assert answer.status == status


async def test_a_body_that_says_nothing_of_its_kind_is_taken_as_json() -> None:
    assert (await ask(echo, [length(2)], [b"{}"])).status == 200


@pytest.mark.parametrize("headers", [[], [length(0)]])
async def test_a_request_without_a_body_may_name_any_kind(headers: list[Header]) -> None:
    assert (await ask(fine, [("Content-Type", "text/plain"), *headers])).status == 200


async def test_what_is_not_http_goes_through_untouched() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    async def never() -> Message:
        raise AssertionError

    async def nobody(message: Message) -> None:
        raise AssertionError

    await Edge(app, MOST, lambda: "req_made")({"type": "lifespan"}, never, nobody)

    assert seen == [{"type": "lifespan"}]


def counted(route: str, status: int) -> float:
    labels = {"route": route, "status": str(status)}
    return REGISTRY.get_sample_value("waypost_http_request_seconds_count", labels) or 0


async def test_each_answer_is_counted_by_its_route_and_status() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange_of(scope).route = "/api/counted/{id}"
        raise Conflict("No.")

    before = counted("/api/counted/{id}", 409)
    await ask(app, path="/api/counted/17")
    await ask(app, path="/api/counted/18")

    assert counted("/api/counted/{id}", 409) == before + 2
    assert counted("/api/counted/17", 409) == 0


async def test_an_answer_is_logged_and_a_fault_of_ours_loudly() -> None:
    with capture_logs() as logs:
        await ask(fine)
        await ask(raising(Unavailable("Away.")))

    assert [(line["log_level"], line["status"], line["path"]) for line in logs] == [
        ("debug", 200, "/x"),
        ("error", 503, "/x"),
    ]


def test_an_error_without_details_has_no_such_field() -> None:
    assert "details" not in json.loads(error_body(Conflict("No."), "r"))


def test_headers_are_encoded_as_asgi_wants_them() -> None:
    assert list(encode_headers({"X-Name": "é"})) == [(b"x-name", b"\xe9")]
