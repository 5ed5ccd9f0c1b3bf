"""What every answer of the API has to look like."""

from typing import Any

import httpx

SEND = "/api/messages/send-message"
BULK = "/api/messages/send-bulk-message"
STATUS = "/api/messages/message-status"
HISTORY = "/api/messages/messages"

NUMBER = "27821234567"
RATE_HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset")


def refused(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal, after a look at its shape: the same for every failure there is."""
    assert response.status_code == status, f"{response.status_code} {response.text[:500]}"
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    assert body.keys() - {"details"} == {"error", "message", "code", "request_id"}, body
    assert body["error"] == code, body
    assert body["code"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    assert isinstance(body["message"], str)
    assert body["message"]
    _check_details(body.get("details"))
    return body


def refused_fields(response: httpx.Response) -> set[str]:
    """The fields that a 400 names."""
    return {each["field"] for each in refused(response, 400, "INVALID_REQUEST")["details"]}


def accepted(response: httpx.Response) -> dict[str, Any]:
    """The body of a success."""
    assert response.is_success, f"{response.status_code} {response.text[:500]}"
    body: dict[str, Any] = response.json()
    return body


def _check_details(details: Any) -> None:
    if details is None:
        return
    assert details, "empty details should not be there at all"
    for each in details:
        assert each.keys() == {"field", "problem"}
        assert all(isinstance(text, str) and text for text in each.values()), each
