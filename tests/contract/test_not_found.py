"""What does not exist, cannot exist, or belongs to somebody else: all look the same."""

import pytest

from tests.contract.answers import HISTORY, NUMBER, SEND, STATUS, accepted, refused
from tests.support.server import Server

HELLO = {"number": NUMBER, "message": "Hello"}
UNKNOWN_ID = "msg_" + "0" * 32


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """An ordinary account's."""
    server.register("nora")
    return server.login("nora")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/",
        "/api/nothing/here",
        "/api/messages",
        f"{SEND}/",
        "//api/auth/login",
        "/api/auth/login/",
        "/api/%00",
        "/api/%ff%fe",
        "/api/" + "a" * 5000,
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_route_that_does_not_exist(server: Server, token: str, method: str, path: str) -> None:
    refused(server.request(method, path, token=token), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "id",
    ["1", "msg_", "msg_abc123", "msg_" + "f" * 32, "msg_" + "z" * 32, "msg_%00", "%ff", "a" * 999],
)
def test_a_message_id_that_cannot_be_one(server: Server, token: str, id: str) -> None:
    refused(server.get(f"{STATUS}/{id}", token), 404, "NOT_FOUND")
    refused(server.get(f"/api/messages/{id}/events", token), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "id",
    ["0", "-1", "+1", "1.0", "1.5", "%201", "1_0", "%D9%A1", "abc", "%00", str(2**63), "9" * 5000],
)
@pytest.mark.parametrize("path", ["/api/templates", "/api/devices"])
def test_a_number_that_cannot_be_an_id(server: Server, token: str, path: str, id: str) -> None:
    refused(server.get(f"{path}/{id}", token), 404, "NOT_FOUND")


def test_what_belongs_to_somebody_else_does_not_exist(server: Server, token: str) -> None:
    server.register("other")
    other = server.login("other")
    queue_id = accepted(server.post(SEND, HELLO, other))["queue_id"]
    written = {"name": "secret", "body": "A secret text"}
    template_id = accepted(server.post("/api/templates", written, other))["id"]
    by_template = {"number": NUMBER, "template_id": template_id}

    refused(server.get(f"{STATUS}/{queue_id}", token), 404, "NOT_FOUND")
    refused(server.get(f"/api/messages/{queue_id}/events", token), 404, "NOT_FOUND")
    for method, body in (("GET", None), ("PUT", written), ("DELETE", None)):
        theirs = server.request(method, f"/api/templates/{template_id}", body, token)
        none = server.request(method, f"/api/templates/{2**62}", body, token)
        assert refused(theirs, 404, "NOT_FOUND")["message"] == none.json()["message"]
    mine = refused(server.post(SEND, by_template, token), 404, "NOT_FOUND")
    none_at_all = server.post(SEND, {"number": NUMBER, "template_id": 2**62}, token)
    assert mine["message"] == refused(none_at_all, 404, "NOT_FOUND")["message"]
    assert HELLO["message"] not in server.get(HISTORY, token).text
