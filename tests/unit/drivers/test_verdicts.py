"""What a wire's answer says of the message."""

from datetime import UTC, datetime, timedelta

import pytest

from waypost.drivers.port import Accepted, Outcome, Refused, Retry, Unknown
from waypost.drivers.verdicts import LONGEST_WAIT, verdict, wait_of

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def of(status: int, body: bytes = b"", retry_after: str | None = None) -> Outcome:
    return verdict(status, retry_after, body, "3EB0", NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success_is_taken_whatever_it_says(status: int) -> None:
    assert of(status, b"<html>\xff") == Accepted("3EB0")


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_four_answers_are_a_no_for_good_in_the_transport_s_own_words(status: int) -> None:
    said = b'{"code": "NOT_ON_WHATSAPP", "message": "No such number.", "more": 1}'

    assert of(status, said) == Refused("NOT_ON_WHATSAPP", "No such number.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"code": "not a code"}',
        b'{"code": "A\\n"}',
        b'{"code": 7, "message": "x"}',
        b'{"message": ""}',
        b'{"message": "zero\\u0000"}',
        b'{"message": "half\\ud800"}',
        b'{"message": "' + b"x" * 501 + b'"}',
        b"[" * 60_000,
        b'{"x": ' + b"[" * 60_000,
    ],
)
def test_a_no_without_fit_words_gets_plain_ones(body: bytes) -> None:
    assert of(422, body) == Refused("REFUSED", "The transport refused it with 422.")


def test_a_no_may_have_a_code_alone() -> None:
    plain = "The transport refused it with 400."
    assert of(400, b'{"code": "BLOCKED"}') == Refused("BLOCKED", plain)


@pytest.mark.parametrize("status", [301, 304, 401, 403, 408, 413, 500, 503, 599])
def test_every_other_answer_says_not_now(status: int) -> None:
    outcome = of(status, retry_after="7")

    assert isinstance(outcome, Retry)
    assert (outcome.code, outcome.after) == ("TRANSPORT_FAULT", timedelta(seconds=7))


def test_too_many_requests_are_named_so() -> None:
    outcome = of(429)

    assert isinstance(outcome, Retry)
    assert (outcome.code, outcome.after) == ("RATE_LIMITED", None)


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_does_not_know_what_the_one_behind_it_did(status: int) -> None:
    assert isinstance(of(status), Unknown)


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        ("0", timedelta(0)),
        (" 120 ", timedelta(seconds=120)),
        ("86400", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        ("Mon, 23 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Mon, 23 Nov 2026 12:00:30 -0000", timedelta(seconds=30)),
        ("Mon, 23 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("Mon, 23 Nov 2099 12:00:00 GMT", LONGEST_WAIT),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("²", None),
        ("Mon, 99 Nov 2026 12:00:00 GMT", None),
        ("Mon, 23 Nov 99999 12:00:00 GMT", None),
    ],
)
def test_what_retry_after_asks_for(given: str | None, wait: timedelta | None) -> None:
    assert wait_of(given, NOW) == wait
