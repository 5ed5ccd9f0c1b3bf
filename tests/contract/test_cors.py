"""Browser pages of the configured origins may call the API, and can read its refusals too."""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.answers import NUMBER, SEND, STATUS
from tests.support.server import Server

OURS, FOREIGN = "https://shop.example", "https://elsewhere.example"

ANSWERS = {
    "success": ("GET", "/healthz", None),
    "refusal": ("GET", "/api/users/user/credits", None),
    "refusal of the lean lane": ("POST", SEND, b'{"number": 1}'),
    "not found in the lean lane": ("GET", f"{STATUS}/msg_1", None),
    "too large": ("POST", SEND, b"x" * 1_048_577),
    "no such route": ("GET", "/nothing", None),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server.started(tmp_path_factory.mktemp("server"), CORS_ORIGINS=OURS) as running:
        yield running


def _ask(server: Server, name: str, origin: str) -> httpx.Response:
    method, path, content = ANSWERS[name]
    return httpx.request(method, server.url + path, content=content, headers={"Origin": origin})


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_may_be_read_by_a_page_of_ours_and_by_no_other(server: Server, name: str) -> None:
    ours, foreign = _ask(server, name, OURS), _ask(server, name, FOREIGN)

    assert ours.headers["access-control-allow-origin"] == OURS
    exposed = set(ours.headers["access-control-expose-headers"].split(", "))
    assert {"Retry-After", "Idempotent-Replay"} <= exposed
    assert "access-control-allow-origin" not in foreign.headers
    assert ours.status_code == foreign.status_code


def test_a_page_of_ours_may_send(server: Server) -> None:
    asked = {
        "Origin": OURS,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    allowed = httpx.options(server.url + SEND, headers=asked)
    foreign = httpx.options(server.url + SEND, headers=asked | {"Origin": FOREIGN})

    assert allowed.status_code == 200
    assert "POST" in allowed.headers["access-control-allow-methods"]
    headers = allowed.headers["access-control-allow-headers"].lower()
    assert {"authorization", "content-type", "idempotency-key"} <= set(headers.split(", "))
    assert foreign.status_code == 400


def test_without_the_setting_no_page_may_read_anything(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with Server.started(tmp_path_factory.mktemp("closed")) as server:
        body = {"number": NUMBER, "message": "Hello"}
        answer = httpx.post(server.url + SEND, json=body, headers={"Origin": OURS})

        assert not [name for name in answer.headers if name.startswith("access-control")]
