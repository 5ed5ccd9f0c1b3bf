"""What is logged tells what happened, and nothing of whom or of what was said."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.redact import redact

NUMBER = "27821234567"
ID = UUID("01890a5d-ac96-774b-bcce-302123456789")


class Status(Enum):
    SENT = "Sent"


@dataclass
class Send:
    text: str


@pytest.mark.parametrize(
    ("name", "value", "logged"),
    [
        ("number", NUMBER, "…67"),
        ("to", f"+27 82 123 45{67}", "…67"),
        ("number", int(NUMBER), "…67"),
        ("number", "12", "…"),
        ("numbers", [NUMBER, "27820000001"], ["…67", "…01"]),
        ("numbers", 200, 200),
        ("recipient", None, None),
        ("jid", f"{NUMBER}@s.whatsapp.net", "…67"),
    ],
)
def test_a_number_shows_its_last_two_digits(name: str, value: object, logged: object) -> None:
    assert redact(name, value) == logged


@pytest.mark.parametrize("name", ["text", "body", "message", "caption", "Message"])
def test_a_text_shows_its_length(name: str) -> None:
    assert redact(name, "Hello, your code is 1234") == "<24 chars>"


def test_variables_of_a_template_are_hidden() -> None:
    assert redact("variables", {"name": "Ann"}) == "<redacted>"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "current_password",
        "access_token",
        "Authorization",
        "Set-Cookie",
        "jwt_secret",
        "jwt_previous_secrets",
        "api_key",
    ],
)
def test_a_secret_shows_nothing(name: str) -> None:
    assert redact(name, "hunter2") == "<redacted>"
    assert redact(name, ["hunter2"]) == "<redacted>"
    assert redact(name, None) is None


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (f"sent to {NUMBER}.", "sent to …67."),
        ("sent to +27 82 123 4567", "sent to …67"),
        (f"{NUMBER}@s.whatsapp.net", "…67@s.whatsapp.net"),
        (f"tel{NUMBER}x", "tel…67x"),
        ("postgresql://waypost:hunter2@db/waypost", "postgresql://<redacted>@db/waypost"),
        ("got Bearer abc.def", "got Bearer <redacted>"),
        ("token eyJhbGci.eyJzdWIi.c2ln is old", "token <redacted> is old"),
    ],
)
def test_inside_other_texts_numbers_and_secrets_are_masked(value: str, logged: str) -> None:
    assert redact("detail", value) == logged


@pytest.mark.parametrize(
    "value",
    [
        "msg_01890a5dac96774bbcce302123456789",
        "bat_01890a5dac9677410000302123456789",
        "/api/messages/message-status/msg_01890a5dac96774bbcce302123456789",
        str(ID),
        "01890123456789012345678901234567",
        "2026-11-22T18:56:00.123456Z",
        "127.0.0.1:54321",
        "12345678",
        "in 1234 ms",
        "https://example.com/a@b",
    ],
)
def test_ids_times_and_addresses_are_kept(value: str) -> None:
    assert redact("detail", value) == value


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        (ID, str(ID)),
        (datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22 00:00:00+00:00"),
        (Path("/var/lib"), "/var/lib"),
        (Status.SENT, "Sent"),
        (ValueError(f"no {NUMBER}"), "ValueError('no …67')"),
        (Send("private"), "<Send>"),
        (b"private", "<bytes>"),
        ((True, 1, 2.5, None), [True, 1, 2.5, None]),
    ],
)
def test_other_values_are_logged_as_plain_data(value: object, logged: object) -> None:
    assert redact("detail", value) == logged


def test_nested_values_are_redacted_by_their_own_names() -> None:
    body = {
        "items": [{"number": NUMBER, "message": "hi", "reference": f"order for {NUMBER}"}],
        NUMBER: "ok",
        "login": {"username": "ann", "password": "hunter2"},
    }

    assert redact("request", body) == {
        "items": [{"number": "…67", "message": "<2 chars>", "reference": "order for …67"}],
        "…67": "ok",
        "login": {"username": "ann", "password": "<redacted>"},
    }


@given(
    number=st.from_regex(r"[1-9][0-9]{8,14}", fullmatch=True),
    before=st.text("xyz :=@/+'\"(", max_size=8),
    after=st.text("xyz :=@/+'\").", max_size=8),
)
def test_no_number_survives_whatever_stands_around_it(number: str, before: str, after: str) -> None:
    assert number not in str(redact("detail", before + number + after))


@given(id=st.uuids(), prefix=st.sampled_from(["msg", "bat", "evt"]))
def test_every_id_survives(id: UUID, prefix: str) -> None:
    for text in (str(id), f"{prefix}_{id.hex}", f"GET /a/{prefix}_{id.hex}/events"):
        assert redact("detail", text) == text
