"""The limits that the page names: how much one request may hold, and how many may come."""

import time
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.contract import page
from tests.contract.answers import (
    BULK,
    HISTORY,
    NUMBER,
    RATE_HEADERS,
    SEND,
    STATUS,
    accepted,
    refused,
    refused_fields,
)
from tests.support.server import ADMIN_PASSWORD, Server

CREDITS = 5000
ASTRAL = "\U0001f980"  # one character, two halves in UTF-16, four bytes in UTF-8

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The rate limits are those of a fresh server; only credits are given more freely."""
    folder = tmp_path_factory.mktemp("server")
    with Server.started(folder, SIGNUP_CREDITS=str(CREDITS)) as running:
        yield running


@pytest.fixture
def token(server: Server) -> str:
    """An account of this test's own, for limits are counted by account."""
    return _newcomer(server)


def _newcomer(server: Server) -> str:
    """A new account's token; it comes from an address of its own, as log-ins are counted so."""
    n = next(_NUMBERS)
    account = {"username": f"customer-{n}", "password": "password123"}
    with _client_at(server, f"127.0.1.{n}") as client:
        accepted(client.post("/api/auth/register", json=account))
        token: str = accepted(client.post("/api/auth/login", json=account))["access_token"]
        return token


# What one request may hold


@pytest.mark.parametrize("character", ["x", "é", ASTRAL], ids=["ASCII", "Latin", "emoji"])
def test_4096_characters_and_one_more(server: Server, token: str, character: str) -> None:
    for path, to in ((SEND, {"number": NUMBER}), (BULK, {"numbers": [NUMBER]})):
        longest = {**to, "message": character * 4096}
        too_long = {**to, "message": character * 4097}

        accepted(server.post(path, longest, token))
        assert refused_fields(server.post(path, too_long, token)) == {"message"}

    shown = accepted(server.get(HISTORY, token))["messages"]
    assert [each["message"] for each in shown] == [character * 4096] * 2


def test_a_template_that_is_rendered_to_4096_characters_and_to_one_more(
    server: Server, token: str
) -> None:
    written = {"name": "long", "body": "{{text}}{{text}}!"}
    template_id = accepted(server.post("/api/templates", written, token))["id"]

    def sent(text: str) -> httpx.Response:
        body = {"number": NUMBER, "template_id": template_id, "variables": {"text": text}}
        return server.post(SEND, body, token)

    accepted(sent("x" * 2047))
    refused(sent("x" * 2048), 400, "INVALID_REQUEST")


def test_200_numbers_and_one_more(server: Server, token: str) -> None:
    numbers = [f"2782100{n:04}" for n in range(1000, 1201)]
    most = accepted(server.post(BULK, {"numbers": numbers[:200], "message": "Hello"}, token))
    one_more = server.post(BULK, {"numbers": numbers, "message": "Hello"}, token)
    recipients = [{"number": number} for number in numbers]
    by_recipients = server.post(BULK, {"recipients": recipients, "message": "Hello"}, token)

    assert most["messages_created"] == len(most["queue_ids"]) == 200
    assert refused_fields(one_more) == {"numbers"}
    assert refused_fields(by_recipients) == {"recipients"}
    assert accepted(server.get("/api/users/user/credits", token))["credits"] == CREDITS - 200


# How many may come


def test_the_11th_log_in_of_an_address_in_a_minute(server: Server) -> None:
    right = {"username": "admin", "password": ADMIN_PASSWORD}
    wrong = right | {"password": "not the password"}
    with _client_at(server, "127.0.0.3") as client:

        def log_in(n: int) -> httpx.Response:
            return client.post("/api/auth/login", json=wrong if n % 2 else right)

        answers = [log_in(n) for n in range(_limit("Authentication"))]
        one_more = log_in(0)

    assert [answer.status_code for answer in answers] == [200, 401] * 5
    _see_it_counted(answers, one_more)
    with _client_at(server, "127.0.0.4") as elsewhere:
        accepted(elsewhere.post("/api/auth/login", json=right))


def test_log_ins_and_registrations_share_their_limit(server: Server) -> None:
    with _client_at(server, "127.0.0.5") as client:
        answers = [client.post("/api/auth/register", json={}) for _ in range(10)]
        refused(client.post("/api/auth/login", json={}), 429, "RATE_LIMITED")

    assert {answer.status_code for answer in answers} == {400}


def test_the_101st_single_send_of_an_account_in_a_minute(server: Server, token: str) -> None:
    body = {"number": NUMBER, "message": "Hello"}
    most = _limit("Single Messages")

    answers = [server.post(SEND, body, token) for _ in range(most)]
    one_more = server.post(SEND, body, token)

    assert {answer.status_code for answer in answers} == {200}
    _see_it_counted(answers, one_more)
    assert accepted(server.get("/api/users/user/credits", token))["credits"] == CREDITS - most


def test_the_11th_bulk_of_an_account_in_a_minute(server: Server, token: str) -> None:
    body = {"numbers": ["27821234567", "27821234568"], "message": "Hello"}
    most = _limit("Bulk Messages")

    answers = [server.post(BULK, body, token) for _ in range(most)]
    one_more = server.post(BULK, body, token)

    assert {answer.status_code for answer in answers} == {200}
    _see_it_counted(answers, one_more)
    assert accepted(server.get("/api/users/user/credits", token))["credits"] == CREDITS - 2 * most


def test_each_kind_of_request_and_each_account_is_counted_alone(server: Server, token: str) -> None:
    body = {"numbers": [NUMBER], "message": "Hello"}
    for _ in range(_limit("Bulk Messages")):
        accepted(server.post(BULK, body, token))
    refused(server.post(BULK, body, token), 429, "RATE_LIMITED")

    accepted(server.post(SEND, {"number": NUMBER, "message": "Hello"}, token))
    accepted(server.get(HISTORY, token))
    accepted(server.post(BULK, body, _newcomer(server)))


def test_status_and_history_share_the_limit_of_the_page(server: Server, token: str) -> None:
    """One answer of each shows the limit and what is left; a smaller one is filled up below."""
    queue_id = accepted(server.post(SEND, {"number": NUMBER, "message": "Hello"}, token))[
        "queue_id"
    ]
    most = _limit("Status Checks")

    for n, path in enumerate((f"{STATUS}/{queue_id}", HISTORY, f"/api/messages/{queue_id}/events")):
        answer = server.get(path, token)
        assert answer.headers["ratelimit-limit"] == str(most)
        assert answer.headers["ratelimit-remaining"] == str(most - n - 1)


def test_every_other_request_has_its_limit_too(server: Server, token: str) -> None:
    answer = server.get("/api/users/user/credits", token)

    assert answer.headers["ratelimit-limit"] == "300"
    assert answer.headers["ratelimit-remaining"] == "299"


def test_a_smaller_limit_of_status_reads_is_filled_up(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("strict")
    with Server.started(folder, RATE_LIMIT_STATUS="5/second") as server:
        token = server.admin()
        path = f"{STATUS}/msg_{'0' * 32}"
        answers = [server.get(path, token) for _ in range(5)]
        one_more = server.get(path, token)

        assert {answer.status_code for answer in answers} == {404}
        assert refused(one_more, 429, "RATE_LIMITED")
        _wait_as_told(one_more)
        refused(server.get(path, token), 404, "NOT_FOUND")


def test_a_limit_that_is_off_counts_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("lenient")
    with Server.started(folder, RATE_LIMIT_AUTH="off") as server:
        answers = [server.post("/api/auth/login", {}) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {400}
    assert not set(RATE_HEADERS) & set(answers[-1].headers)


def _see_it_counted(answers: list[httpx.Response], one_more: httpx.Response) -> None:
    """Each answer tells what is left, and the refusal when to come again."""
    most = len(answers)
    assert [answer.headers["ratelimit-limit"] for answer in answers] == [str(most)] * most
    left = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
    assert left == list(reversed(range(most)))
    assert all(0 < int(answer.headers["ratelimit-reset"]) <= 60 for answer in answers)
    refused(one_more, 429, "RATE_LIMITED")
    assert one_more.headers["ratelimit-remaining"] == "0"
    assert 0 < int(one_more.headers["retry-after"]) <= 60


def _wait_as_told(refusal: httpx.Response) -> None:
    """The one wait that is itself what is tested: after Retry-After the request goes."""
    time.sleep(int(refusal.headers["retry-after"]))


def _client_at(server: Server, address: str) -> httpx.Client:
    """A client at another address: all of 127.0.0.0/8 is this machine."""
    return httpx.Client(
        base_url=server.url, transport=httpx.HTTPTransport(local_address=address), timeout=30
    )


def _limit(name: str) -> int:
    return page.limits()[name]
