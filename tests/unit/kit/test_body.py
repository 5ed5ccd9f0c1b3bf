"""A body is read whole, or refused with every problem by its field's name."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.body import BodyReader, is_broken
from waypost.kit.errors import Invalid, Problem

NOT_JSON = Problem("body", "is not valid JSON in UTF-8")
NOT_AN_OBJECT = Problem("body", "must be a JSON object")
HALF = "holds half of a surrogate pair"


class Part(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class Body(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int
    parts: list[Part] = []
    notes: dict[str, str] | None = None
    is_big: bool = msgspec.field(name="isBig", default=False)


READER = BodyReader(Body)


def problems(body: bytes | object) -> list[Problem]:
    """What is wrong with a body, given as bytes or as what JSON makes of it."""
    with pytest.raises(Invalid) as refused:
        READER.read(body if isinstance(body, bytes) else json.dumps(body).encode())
    assert refused.value.status == 400
    return list(refused.value.details)


def test_a_good_body_is_read() -> None:
    body = '{"name": "é😀", "size": 2, "parts": [{"name": "p"}], "isBig": true}'.encode()

    assert READER.read(body) == Body("é😀", 2, [Part("p")], None, True)


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n\t"])
def test_blanks_around_a_body_do_not_count(space: bytes) -> None:
    assert READER.read(space + b'{"name":"a","size":1}' + space) == Body("a", 1)


def test_every_problem_is_named_at_once() -> None:
    given = {"name": 1, "parts": "x", "isBig": "yes", "colour": "red", "is_big": True}

    assert problems(given) == [
        Problem("name", "must be `str`, got `int`"),
        Problem("size", "is required"),
        Problem("parts", "must be `array`, got `str`"),
        Problem("isBig", "must be `bool`, got `str`"),
        Problem("colour", "is not a field here"),
        Problem("is_big", "is not a field here"),
    ]


def test_null_means_absent_so_a_required_field_is_missing() -> None:
    assert problems({"name": None, "size": 1}) == [Problem("name", "is required")]


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("isBig", None, "must be `bool`, got `null`"),
        ("name", ["a"], "must be `str`, got `array`"),
        ("size", "2", "must be `int`, got `str`"),
        ("size", 2.5, "must be `int`, got `float`"),
        ("size", True, "must be `int`, got `bool`"),
        ("size", {}, "must be `int`, got `object`"),
        ("isBig", 1, "must be `bool`, got `int`"),
        ("notes", [], "must be `object | null`, got `array`"),
    ],
)
def test_a_value_of_a_wrong_type_is_told_with_both_types(
    field: str, value: object, expected: str
) -> None:
    assert problems({"name": "a", "size": 1, field: value}) == [Problem(field, expected)]


def test_a_problem_deep_inside_is_named_with_its_place() -> None:
    given = {"name": "a", "size": 1, "parts": [{"name": "p"}, {"name": 3}]}

    assert problems(given) == [Problem("parts[1].name", "must be `str`, got `int`")]


def test_a_problem_inside_a_map_is_named_with_its_field() -> None:
    [problem] = problems({"name": "a", "size": 1, "notes": {"x": 1}})

    assert problem.field.startswith("notes")


def test_a_missing_or_unknown_field_inside_is_told_as_it_is_outside() -> None:
    given = {"name": "a", "size": 1}

    assert problems({**given, "parts": [{"name": "p"}, {}]}) == [
        Problem("parts[1].name", "is required")
    ]
    assert problems({**given, "parts": [{"name": "p", "colour": "red"}]}) == [
        Problem("parts[0].colour", "is not a field here")
    ]
    [problem] = problems({**given, "parts": [{"name": "p", "x" * 10_000: 1}]})
    assert problem == Problem("parts[0]." + "x" * 64, "is not a field here")


def test_the_name_of_an_unknown_field_is_told_in_so_many_characters_only() -> None:
    [problem] = problems({"name": "a", "size": 1, "x" * 10_000: 1})

    assert problem == Problem("x" * 64, "is not a field here")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"', b"true", b'[{"name":"a"}]'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert problems(body) == [NOT_AN_OBJECT]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"name=a&size=1",
        b"{'name': 'a', 'size': 1}",
        b'{"name":"a","size":1,}',
        b'{"name":"a","size":1} x',
        b'{"name":"a","size":1}{}',
        b'{"name":"a","size":01}',
        b'{"name":"a\n","size":1}',
        b'{"name":"a\0","size":1}',
        b'{"name":"\\x","size":1}',
        b'{"name":"a","size":1}\0',
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert problems(body) == [NOT_JSON]


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"\xff","size":1}',
        b'{"name":"\xc3","size":1}',
        b'{"name":"\xc0\x80","size":1}',
        '{"name":"é","size":1}'.encode("latin-1"),
        '{"name":"a","size":1}'.encode("utf-16"),
        '{"name":"a","size":1}'.encode("utf-32"),
        '{"name":"a","size":1}'.encode("utf-8-sig"),
    ],
)
def test_what_is_not_utf_8_is_refused(body: bytes) -> None:
    assert problems(body) == [NOT_JSON]


@pytest.mark.parametrize("half", [b"\\ud800", b"\\udfff", b"a\\ud83d b", b"\\ude00\\ud83d"])
def test_half_of_a_surrogate_pair_is_refused_by_its_field(half: bytes) -> None:
    body = b'{"name":"%s","size":1,"notes":{"%s":"x"},"parts":[{"name":"%s"}]}' % ((half,) * 3)

    assert problems(body) == [Problem("name", HALF), Problem("parts", HALF), Problem("notes", HALF)]


def test_half_of_a_pair_that_is_written_as_bytes_is_refused() -> None:
    assert problems(b'{"name":"\xed\xa0\x80","size":1}') == [Problem("name", HALF)]


def test_half_of_a_pair_in_an_unknown_name_is_told_in_a_way_that_can_be_written() -> None:
    [problem] = problems(b'{"name":"a","size":1,"\\ud800":1}')

    assert problem == Problem("?", "is not a field here")


def test_a_whole_pair_is_one_character() -> None:
    assert READER.read(b'{"name":"\\ud83d\\ude00","size":1}').name == "😀"


@pytest.mark.parametrize(
    "body",
    [
        '{"name": %s1%s, "size": 1}',
        '{"name": "a", "size": 1, "notes": {"x": %s1%s}}',
        '{"name": "a", "size": 1, "colour": %s1%s}',
        "%s1%s",
    ],
)
def test_however_deep_a_body_is_it_is_refused(body: str) -> None:
    # Python's own bound lies somewhere below 1,000; each part of the reading may meet it first.
    for depth in (1, 10, *range(890, 1000), 10_000):
        assert problems((body % ("[" * depth, "]" * depth)).encode())
        assert problems((body % ('{"a":' * depth, "}" * depth)).encode())


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_json_does_not_have_are_refused(value: str) -> None:
    assert problems(f'{{"name":"a","size":{value}}}'.encode())


def test_of_a_field_given_twice_the_last_counts() -> None:
    assert READER.read(b'{"name":"a","size":1,"name":"b"}').name == "b"


def test_a_field_given_twice_must_be_right_twice() -> None:
    assert problems(b'{"name":1,"size":1,"name":"b"}')
    assert problems(b'{"name":"b","size":1,"name":1}') == [
        Problem("name", "must be `str`, got `int`")
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["name", "size", "parts", "notes", "isBig", "other"])


@given(st.dictionaries(names, values))
def test_any_object_is_read_or_refused_with_fields_named(given_body: object) -> None:
    body = json.dumps(given_body).encode()
    try:
        READER.read(body)
    except Invalid:
        assert problems(body)


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert problems(body)


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        ("a", False),
        ("\ud800", True),
        ({"a": ["\ud800"]}, True),
        ({"\ud800": 1}, True),
        ([None, 1, 2.5, True, "😀"], False),
    ],
)
def test_half_pairs_are_found_anywhere_inside(value: object, broken: bool) -> None:
    assert is_broken(value) is broken
