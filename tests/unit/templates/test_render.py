"""A body and its variables make a text: each place is filled once, and nothing else changes."""

import re
from string import ascii_letters, digits

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from waypost.kit.errors import Invalid
from waypost.templates.model import MAX_TEXT
from waypost.templates.render import names_in, render

# Without braces no other place can come about by chance; surrogates cannot be stored.
plain = st.text(st.characters(exclude_characters="{}\0", codec="utf-8"), max_size=50)
any_text = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=50)
names = st.builds(
    str.__add__,
    st.sampled_from(ascii_letters + "_"),
    st.text(ascii_letters + digits + "_", max_size=12),
)
blanks = st.text(" \t\n", max_size=3)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[list[str], str]:
    """Names in order, and a body with a place for each."""
    order = draw(st.lists(names, max_size=6))
    body = draw(plain)
    for name in order:
        body += "{{" + draw(blanks) + name + draw(blanks) + "}}" + draw(plain)
    return order, body


@given(plain, names, blanks, any_text, plain)
def test_a_place_is_filled_with_its_text(
    before: str, name: str, blank: str, value: str, after: str
) -> None:
    assume(before + value + after)
    body = f"{before}{{{{{blank}{name}{blank}}}}}{after}"

    assert render(body, {name: value}) == before + value + after


@given(bodies(), st.data())
def test_what_comes_from_a_variable_is_never_rendered_again(
    given_body: tuple[list[str], str], data: st.DataObject
) -> None:
    order, body = given_body
    assume(order)
    variables = {name: "{{" + data.draw(st.sampled_from(order)) + "}}" for name in order}
    pieces = re.split(r"\{\{.*?\}\}", body, flags=re.DOTALL)
    values = [variables[name] for name in order] + [""]

    assert render(body, variables) == "".join(
        piece + value for piece, value in zip(pieces, values, strict=True)
    )


@given(bodies())
def test_the_names_are_found_in_order_and_once(given_body: tuple[list[str], str]) -> None:
    order, body = given_body

    assert names_in(body) == list(dict.fromkeys(order))


@given(bodies(), st.data())
def test_every_missing_variable_is_named(
    given_body: tuple[list[str], str], data: st.DataObject
) -> None:
    order, body = given_body
    assume(order)
    missing = data.draw(st.sets(st.sampled_from(order), min_size=1))

    with pytest.raises(Invalid) as refused:
        render(body, {name: "x" for name in order if name not in missing})

    assert {problem.field for problem in refused.value.details} == {
        f"variables.{name}" for name in missing
    }
    assert all(name in refused.value.message for name in missing)


@given(plain.filter(bool), st.dictionaries(names, any_text | numbers | st.none() | st.lists(names)))
def test_variables_that_are_not_asked_for_are_ignored(body: str, extra: dict[str, object]) -> None:
    assert render(body, extra) == body


@given(any_text.filter(bool))
def test_a_body_without_places_is_its_own_text(body: str) -> None:
    assume(not names_in(body))

    assert render(body, {}) == body


@given(numbers)
def test_a_number_is_shown_as_text(value: float) -> None:
    assert render("{{n}}", {"n": value}) == str(value)


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (False, "false"), (0, "0")])
def test_true_and_false_are_shown_as_in_json(value: object, text: str) -> None:
    assert render("{{x}}", {"x": value}) == text


@pytest.mark.parametrize(
    "value", [None, [], ["a"], {}, {"a": 1}, float("nan"), float("inf"), "\0", "\ud800"]
)
def test_what_has_no_text_is_refused_by_name(value: object) -> None:
    with pytest.raises(Invalid) as refused:
        render("Hello {{ name }}", {"name": value})

    assert [problem.field for problem in refused.value.details] == ["variables.name"]


@pytest.mark.parametrize(
    "body",
    ["{{ }}", "{{}}", "{{1st}}", "{{a-b}}", "{{a b}}", "{name}", "{{name}", "{ {name}}", "{{é}}"],
)
def test_what_only_resembles_a_place_stays_as_it_is(body: str) -> None:
    assert names_in(body) == []
    assert render(body, {"name": "x"}) == body


def test_braces_around_a_place_stay() -> None:
    assert render("{{{name}}}", {"name": "x"}) == "{x}"


@given(st.integers(0, 3))
def test_a_text_of_4096_characters_is_rendered_and_a_longer_one_is_refused(over: int) -> None:
    value = "😀" * (MAX_TEXT - 2 + over)
    if over == 0:
        assert len(render("a{{x}}b", {"x": value})) == MAX_TEXT
        return
    with pytest.raises(Invalid, match=str(MAX_TEXT)):
        render("a{{x}}b", {"x": value})


def test_a_text_of_nothing_is_refused() -> None:
    with pytest.raises(Invalid):
        render("{{x}}", {"x": ""})


def test_a_hostile_body_is_read_in_no_time() -> None:
    """Each brace may begin a place; that must not make reading quadratic."""
    body = "{{ " * (MAX_TEXT // 3)

    assert names_in(body) == []
