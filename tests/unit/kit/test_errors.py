"""Refusals have the contract's codes and statuses, and carry their headers with them."""

import inspect
from collections.abc import Iterator

import pytest

from waypost.app import routers
from waypost.kit import errors
from waypost.kit.errors import Internal, Invalid, Problem, Refusal, Unauthorized, Unavailable

CONTRACT = {
    (400, "INVALID_REQUEST"),
    (401, "UNAUTHORIZED"),
    (403, "FORBIDDEN"),
    (403, "INSUFFICIENT_CREDITS"),
    (404, "NOT_FOUND"),
    (405, "METHOD_NOT_ALLOWED"),
    (409, "CONFLICT"),
    (413, "PAYLOAD_TOO_LARGE"),
    (415, "UNSUPPORTED_MEDIA_TYPE"),
    (422, "IDEMPOTENCY_MISMATCH"),
    (429, "RATE_LIMITED"),
    (500, "INTERNAL_ERROR"),
    (503, "UNAVAILABLE"),
}


def kinds_of(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    """The kind and all that are made from it, by every feature."""
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of(below)


def test_the_product_knows_exactly_the_codes_of_the_contract() -> None:
    assert routers.ALL, "the features are loaded"
    ours = {kind for kind in kinds_of(Refusal) if kind.__module__.startswith("waypost.")}

    assert {(kind.status, kind.code) for kind in ours} == CONTRACT


@pytest.mark.parametrize("kind", [k for k in kinds_of(Refusal) if k.__module__ == errors.__name__])
def test_the_tree_in_the_docstring_names_each_kind_with_its_status(kind: type[Refusal]) -> None:
    lines = inspect.getdoc(errors).splitlines()
    told = {line.split()[1]: line.split()[2] for line in lines if line.startswith(("├", "└"))}

    assert kind is Refusal or told[kind.__name__].rstrip(",") == str(kind.status)


def test_a_refusal_carries_its_sentence_its_problems_and_its_headers() -> None:
    problems = [Problem("number", "is required")]
    refusal = Refusal("No.", problems, {"Allow": "GET"})

    assert (str(refusal), refusal.message) == ("No.", "No.")
    assert refusal.details == (Problem("number", "is required"),)
    assert refusal.headers == {"Allow": "GET"}


def test_a_refusal_keeps_no_hold_of_what_it_was_given() -> None:
    problems, headers = [Problem("a", "b")], {"Allow": "GET"}
    refusal = Refusal("No.", problems, headers)
    problems.clear()
    headers.clear()

    assert refusal.details
    assert refusal.headers


def test_the_sentence_of_an_invalid_request_tells_every_problem() -> None:
    refusal = Invalid.fields(Problem("number", "is required"), Problem("x", "is not a field here"))

    assert refusal.message == "number: is required; x: is not a field here"
    assert [problem.field for problem in refusal.details] == ["number", "x"]


def test_an_invalid_request_without_a_named_field_still_has_a_sentence() -> None:
    assert Invalid.fields().message
    assert Invalid.fields().details == ()


def test_one_problem_is_told_alone() -> None:
    assert Invalid.field("page", "is odd").details == (Problem("page", "is odd"),)


def test_who_has_no_token_is_told_how_to_send_one() -> None:
    assert Unauthorized().message == "Invalid or missing authentication token"
    assert Unauthorized().headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(
    ("refusal", "seconds"), [(Unavailable("Away."), "5"), (Unavailable("Away.", 1), "1")]
)
def test_what_is_unavailable_says_when_to_ask_again(refusal: Refusal, seconds: str) -> None:
    assert refusal.headers == {"Retry-After": seconds}


def test_a_fault_of_ours_tells_nothing_of_the_inside() -> None:
    refusal = Internal()

    assert (refusal.status, refusal.code) == (500, "INTERNAL_ERROR")
    assert (refusal.message, refusal.details, refusal.headers) == ("Internal server error", (), {})
