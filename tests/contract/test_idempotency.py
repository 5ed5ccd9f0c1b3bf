"""A send with an Idempotency-Key may come again: it is accepted once, and answered alike."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.answers import BULK, HISTORY, NUMBER, SEND, accepted, refused, refused_fields
from tests.support.behind import query
from tests.support.processes import API, box, until
from tests.support.server import Server
from waypost.kit.embedded import Embedded

SECOND, THIRD = "27829876543", "27823456789"
HELLO: dict[str, Any] = {"number": NUMBER, "message": "Hello"}
MANY: dict[str, Any] = {"numbers": [NUMBER, "x", SECOND, NUMBER], "message": "Hello"}
BOTH = [(SEND, HELLO), (BULK, MANY)]
CREDITS = 1000

_NAMES = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose rate limits are not what is tested here."""
    with Server.started(tmp_path_factory.mktemp("server"), **UNLIMITED) as running:
        yield running


UNLIMITED = {
    "RATE_LIMIT_AUTH": "off",
    "RATE_LIMIT_SEND": "off",
    "RATE_LIMIT_BULK": "off",
    "SIGNUP_CREDITS": str(CREDITS),
}


@pytest.fixture
def token(server: Server) -> str:
    return newcomer(server)


def newcomer(server: Server) -> str:
    """An account of its own."""
    name = f"customer-{next(_NAMES)}"
    server.register(name)
    return server.login(name)


def post(
    server: Server, path: str, body: dict[str, Any], token: str, key: str | bytes | None
) -> httpx.Response:
    headers: list[tuple[bytes, bytes]] = [(b"Authorization", f"Bearer {token}".encode())]
    if key is not None:
        value = key if isinstance(key, bytes) else key.encode()
        headers.append((b"Idempotency-Key", value))
    return httpx.post(server.url + path, json=body, headers=headers, timeout=30)


def is_replay(answer: httpx.Response) -> bool:
    return answer.headers.get("idempotent-replay") == "true"


def credits(server: Server, token: str) -> int:
    left: int = accepted(server.get("/api/users/user/credits", token))["credits"]
    return left


def history(server: Server, token: str) -> list[str]:
    """The account's messages, at most a hundred."""
    page = accepted(server.get(f"{HISTORY}?per_page=100", token))
    return [message["queue_id"] for message in page["messages"]]


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_the_same_request_again_gets_the_first_answer_and_nothing_more_is_sent(
    server: Server, token: str, path: str, body: dict[str, Any]
) -> None:
    first = post(server, path, body, token, "order-7")
    between = post(server, path, body, token, None)
    again = post(server, path, body, token, "order-7")

    assert [answer.status_code for answer in (first, between, again)] == [200, 200, 200]
    assert again.content == first.content
    assert [is_replay(answer) for answer in (first, between, again)] == [False, False, True]
    assert len(history(server, token)) == CREDITS - credits(server, token)
    assert credits(server, token) == between.json()["remaining_credits"]


def test_without_a_key_every_request_is_a_new_one(server: Server, token: str) -> None:
    answers = [post(server, SEND, HELLO, token, None) for _ in range(2)]

    assert len({answer.json()["queue_id"] for answer in answers}) == 2
    assert not any(is_replay(answer) for answer in answers)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (SEND, {**HELLO, "message": "Goodbye"}),
        (SEND, {**HELLO, "reference": "order 7"}),
        (SEND, {**HELLO, "variables": {}}),
        (BULK, {"numbers": [NUMBER], "message": "Hello"}),
    ],
)
def test_another_request_under_the_key_is_refused(
    server: Server, token: str, path: str, body: dict[str, Any]
) -> None:
    first = post(server, SEND, HELLO, token, "order-7")

    refused(post(server, path, body, token, "order-7"), 422, "IDEMPOTENCY_MISMATCH")

    assert post(server, SEND, HELLO, token, "order-7").content == first.content
    assert credits(server, token) == CREDITS - 1


def test_a_key_is_the_accounts_own(server: Server, token: str) -> None:
    first = post(server, SEND, HELLO, token, "order-7")
    other = post(server, SEND, {**HELLO, "message": "Hi"}, newcomer(server), "order-7")

    assert accepted(other)["queue_id"] != accepted(first)["queue_id"]
    assert not is_replay(other)


@pytest.mark.parametrize("key", [b"", b"a b", b"a\tb", b"\xff", "é".encode(), b"x" * 256])
@pytest.mark.parametrize(("path", "body"), BOTH)
def test_a_key_that_is_none_is_refused_by_the_headers_name(
    server: Server, token: str, path: str, body: dict[str, Any], key: bytes
) -> None:
    assert refused_fields(post(server, path, body, token, key)) == {"Idempotency-Key"}
    assert credits(server, token) == CREDITS


def test_two_keys_are_refused(server: Server, token: str) -> None:
    headers = [("Authorization", f"Bearer {token}"), *[("Idempotency-Key", "a")] * 2]

    answer = httpx.post(server.url + SEND, json=HELLO, headers=headers)

    assert refused_fields(answer) == {"Idempotency-Key"}


@pytest.mark.parametrize("key", ["!", "~" * 255, "7d444840-9dc0-11d1-b245-5ffdce74fad2"])
def test_any_visible_characters_are_a_key(server: Server, token: str, key: str) -> None:
    first = post(server, SEND, HELLO, token, key)

    assert post(server, SEND, HELLO, token, key).content == first.content


@pytest.mark.parametrize(
    "body", [{**HELLO, "number": "x"}, {**HELLO, "send_at": "soon"}, {**HELLO, "template_id": 1}]
)
def test_a_refused_request_leaves_its_key_free(
    server: Server, token: str, body: dict[str, Any]
) -> None:
    refused(post(server, SEND, body, token, "order-7"), 400, "INVALID_REQUEST")

    assert not is_replay(post(server, SEND, HELLO, token, "order-7"))


def test_who_could_not_pay_may_try_again_under_the_same_key(server: Server) -> None:
    grants = f"/api/admin/users/{server.register('poor')}/credits"
    admin, token = server.admin(), server.login("poor")
    accepted(server.post(grants, {"amount": -CREDITS, "reason": "none"}, admin))
    refused(post(server, SEND, HELLO, token, "order-7"), 403, "INSUFFICIENT_CREDITS")
    accepted(server.post(grants, {"amount": 1, "reason": "one"}, admin))

    first, again = (post(server, SEND, HELLO, token, "order-7") for _ in range(2))

    assert [is_replay(first), is_replay(again)] == [False, True]
    assert credits(server, token) == 0


def test_a_day_later_the_key_is_free(server: Server, token: str) -> None:
    first = post(server, SEND, HELLO, token, "order-7")
    query(server, "update idempotency set created_at = created_at - interval '24 hours'")

    second = post(server, SEND, {**HELLO, "message": "Good morning"}, token, "order-7")
    again = post(server, SEND, {**HELLO, "message": "Good morning"}, token, "order-7")

    assert accepted(second)["queue_id"] != accepted(first)["queue_id"]
    assert [is_replay(second), is_replay(again)] == [False, True]


def at_once(asks: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Ask all of these at the same moment, each on a connection of its own."""
    ready = threading.Barrier(len(asks))

    def ask(one: Callable[[], httpx.Response]) -> httpx.Response:
        ready.wait()
        return one()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(ask, asks))


def see_them_be_one(answers: list[httpx.Response]) -> None:
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert len({answer.content for answer in answers}) == 1
    assert sum(not is_replay(answer) for answer in answers) == 1


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_twins_at_the_same_moment_are_one(
    server: Server, token: str, path: str, body: dict[str, Any]
) -> None:
    tries = 25
    for n in range(tries):
        asks = [lambda n=n: post(server, path, body, token, f"order-{n}")] * 2
        see_them_be_one(at_once(asks))

    each = 1 if path == SEND else 2
    assert credits(server, token) == CREDITS - tries * each


def test_twins_with_different_bodies_are_one_and_a_mismatch(server: Server, token: str) -> None:
    for n in range(10):
        bodies = [{**HELLO, "message": text} for text in ("one", "two")]
        answers = at_once(
            [lambda b=b, n=n: post(server, SEND, b, token, f"order-{n}") for b in bodies]
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]

    assert credits(server, token) == CREDITS - 10


def test_twins_at_two_servers_of_one_database_are_one(tmp_path: Path) -> None:
    postgres = Embedded(tmp_path / "database")
    shared = {
        **UNLIMITED,
        "DATABASE_URL": postgres.start(),
        "JWT_SECRET": "s" * 48,
        "SEAL_KEY": "k" * 48,
    }
    try:
        with (
            Server.started(tmp_path / "a", "--no-worker", **shared) as a,
            Server.started(tmp_path / "b", "--no-worker", **shared) as b,
        ):
            token = newcomer(a)
            for n in range(25):
                asks = [lambda s=s, n=n: post(s, SEND, HELLO, token, f"order-{n}") for s in (a, b)]
                see_them_be_one(at_once(asks))
            assert credits(b, token) == CREDITS - 25
    finally:
        postgres.stop()


def test_who_asks_again_until_answered_sends_once_though_the_server_is_killed(
    tmp_path: Path,
) -> None:
    with box(tmp_path, **UNLIMITED) as killed:
        token = newcomer(killed.server)
        keys = [f"order-{n}" for n in range(60)]
        with ThreadPoolExecutor(6) as pool:
            asking = [pool.submit(until_answered, killed.server, token, key) for key in keys]
            for part in (20, 40):
                until(lambda part=part: sum(each.done() for each in asking) >= part, "some came")
                killed.kill(API)
            told = [each.result() for each in asking]

        assert len(set(told)) == len(keys)
        assert set(history(killed.server, token)) == set(told)
        assert credits(killed.server, token) == CREDITS - len(keys)


def until_answered(server: Server, token: str, key: str) -> str:
    """What a careful client does: the same request again, until it is told what came of it."""
    told: list[str] = []

    def is_told() -> bool:
        with suppress(httpx.TransportError):
            answer = post(server, SEND, HELLO, token, key)
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                told.append(answer.json()["queue_id"])
        return bool(told)

    until(is_told, f"an answer to {key}", 60.0)
    return told[0]
