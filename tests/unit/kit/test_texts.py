"""Texts that PostgreSQL and JSON can both hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from waypost.kit.texts import Name, Text, problem_of


@given(st.text())
def test_a_text_without_a_problem_can_be_written(text: str) -> None:
    if problem_of(text) is None:
        assert "\0" not in text
        assert json.loads(json.dumps(text, ensure_ascii=False).encode()) == text


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
def test_nul_and_half_pairs_are_problems(text: str) -> None:
    assert problem_of(text) is not None
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)


@pytest.mark.parametrize("text", ["", "é", "😀", "\U0010ffff", "\n"])
def test_everything_else_is_kept_as_it_is(text: str) -> None:
    assert problem_of(text) is None
    assert TypeAdapter(Text).validate_python(text) == text


@pytest.mark.parametrize(
    ("given_name", "kept"), [("a", "a"), ("  two words ", "two words"), ("x" * 100, "x" * 100)]
)
def test_blanks_around_a_name_do_not_count(given_name: str, kept: str) -> None:
    assert TypeAdapter(Name).validate_python(given_name) == kept


@pytest.mark.parametrize("text", ["", "   ", "x" * 101, "\0", " \0 "])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(text)
