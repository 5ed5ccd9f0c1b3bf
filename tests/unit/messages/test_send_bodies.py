"""The bodies of the two send routes: what the contract allows is read, the rest is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.errors import Invalid, Problem
from waypost.messages.options import PLAIN, Options
from waypost.messages.schemas import (
    NOT_A_NUMBER,
    Bulk,
    Content,
    Recipient,
    Single,
    read_bulk,
    read_send,
    text_problem,
)

NOW = datetime(2025, 6, 3, 10, 30, tzinfo=UTC)
YEAR = timedelta(days=366)

NUMBER, SECOND, THIRD = "27821234567", "27829876543", "27823456789"
SPELLED = "+27 82 123-4567"
HALF = "holds half of a surrogate pair"

NEITHER = Problem("message", "is required where neither template_id nor media is given")
BOTH = Problem("template_id", "cannot be given together with message")
EMPTY = Problem("message", "must not be empty")
NUL = Problem("message", "must not contain the character NUL")
BOTH_LISTS = Problem("recipients", "cannot be given together with numbers")

UNREADABLE = [
    ({"message": 7}, "message"),
    ({"message": ["Hi"]}, "message"),
    ({"message": None, "template_id": "123"}, "template_id"),
    ({"message": None, "template_id": 1.0}, "template_id"),
    ({"message": None, "template_id": True}, "template_id"),
    ({"variables": []}, "variables"),
    ({"variables": "x"}, "variables"),
    ({"text": "Hi"}, "text"),
    ({"Message": "Hi"}, "Message"),
]

TEXTS = [
    ("a", None),
    (" ", None),
    ("\n", None),
    ("a" * 4096, None),
    ("😀" * 4096, None),
    ("é" * 4096, None),
    ("", EMPTY),
    ("a" * 4097, Problem("message", "has 4097 characters; 4096 is the most")),
    ("😀" * 4097, Problem("message", "has 4097 characters; 4096 is the most")),
    ("\0", NUL),
    ("a\0b", NUL),
    ("\ud83d", Problem("message", HALF)),
    ("\ude00\ud83d", Problem("message", HALF)),
]


def send(number: object = NUMBER, **fields: object) -> Single:
    return read_send(json.dumps({"number": number, **fields}).encode(), NOW)


def bulk(**fields: object) -> Bulk:
    return read_bulk(json.dumps(fields).encode(), NOW)


def refused_send(number: object = NUMBER, **fields: object) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        send(number, **fields)
    return list(refused.value.details)


def refused_bulk(**fields: object) -> list[Problem]:
    with pytest.raises(Invalid) as refused:
        bulk(**fields)
    return list(refused.value.details)


def test_a_plain_message_is_read() -> None:
    assert send(message="Hello") == Single(Content("Hello", None, {}), Recipient(NUMBER, {}), PLAIN)


def test_a_template_is_read_with_variables_of_every_simple_kind() -> None:
    given = {"name": "John", "n": 3, "price": 2.5, "paid": True, "note": None}
    read = send(template_id=123, variables=given)

    assert read.content == Content(None, 123, given)
    assert read.recipient == Recipient(NUMBER, {})


def test_a_number_is_taken_in_any_spelling_and_kept_as_digits() -> None:
    assert send(SPELLED, message="Hi").recipient.number == NUMBER


@pytest.mark.parametrize("number", ["", "x", "0821234567", f"{NUMBER}\n", "27821234567\0"])
def test_a_send_to_what_is_no_number_is_refused(number: str) -> None:
    assert refused_send(number, message="Hi") == [Problem("number", NOT_A_NUMBER)]


@pytest.mark.parametrize("number", [None, 27821234567, [NUMBER], {"number": NUMBER}, True])
def test_a_number_is_a_text(number: object) -> None:
    assert [problem.field for problem in refused_send(number, message="Hi")] == ["number"]


def test_a_send_needs_a_number() -> None:
    with pytest.raises(Invalid) as refused:
        read_send(b'{"message": "Hi"}', NOW)
    assert refused.value.details == (Problem("number", "is required"),)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, NEITHER),
        ({"message": None}, NEITHER),
        ({"template_id": None}, NEITHER),
        ({"message": None, "template_id": None, "variables": None}, NEITHER),
        ({"variables": {"name": "John"}}, NEITHER),
        ({"message": "Hi", "template_id": 1}, BOTH),
        ({"message": "", "template_id": 1}, BOTH),
    ],
)
def test_a_send_says_one_thing_a_message_or_a_template(
    fields: dict[str, object], problem: Problem
) -> None:
    assert refused_send(**fields) == [problem]
    assert refused_bulk(numbers=[NUMBER], **fields) == [problem]


@pytest.mark.parametrize(
    "fields",
    [
        {"message": "Hi", "template_id": None, "variables": None},
        {"message": "Hi", "variables": {}},
        {"message": "Hi"},
    ],
)
def test_null_means_absent(fields: dict[str, object]) -> None:
    assert send(**fields).content == Content("Hi", None, {})
    assert bulk(numbers=[NUMBER], recipients=None, **fields).content == Content("Hi", None, {})


def test_null_beside_a_template_is_absent_too() -> None:
    assert send(message=None, template_id=1, variables=None).content == Content(None, 1, {})


def test_variables_without_a_template_change_nothing_of_the_text() -> None:
    for value in ("John", [1], {"first": "John"}):
        content = send(message="Hello {{name}}", variables={"name": value}).content

        assert (content.text, content.template_id) == ("Hello {{name}}", None)


@pytest.mark.parametrize(("text", "problem"), TEXTS)
def test_a_text_has_1_to_4096_characters_that_can_be_kept(
    text: str, problem: Problem | None
) -> None:
    if problem is None:
        assert send(message=text).content.text == text
        assert bulk(message=text, numbers=[NUMBER]).content.text == text
    else:
        assert refused_send(message=text) == [problem]
        assert refused_bulk(message=text, numbers=[NUMBER]) == [problem]


def test_a_character_is_one_however_it_is_written() -> None:
    body = {"number": NUMBER, "message": "😀" * 4096}

    assert read_send(json.dumps(body, ensure_ascii=False).encode(), NOW) == send(**body)


@given(st.text())
def test_a_text_is_taken_whole_or_refused(text: str) -> None:
    if text_problem(text) is None:
        assert 1 <= len(text) <= 4096
        assert "\0" not in text


@pytest.mark.parametrize(("fields", "named"), UNREADABLE)
def test_what_has_a_wrong_type_or_name_is_refused_by_its_name(
    fields: dict[str, object], named: str
) -> None:
    fields = {"message": "Hi", **fields}

    assert [problem.field for problem in refused_send(**fields)] == [named]
    assert [problem.field for problem in refused_bulk(numbers=[NUMBER], **fields)] == [named]


def test_every_problem_of_a_send_is_told_at_once() -> None:
    assert refused_send("x", message="") == [Problem("number", NOT_A_NUMBER), EMPTY]


@pytest.mark.parametrize("field", ["numbers", "recipients", "batch_id", "weight"])
def test_a_single_send_has_no_other_fields(field: str) -> None:
    assert refused_send(message="Hi", **{field: None}) == [Problem(field, "is not a field here")]


def test_half_of_a_pair_among_the_variables_is_refused() -> None:
    for variables in ({"name": "\ud800"}, {"\ud800": "John"}):
        assert refused_send(template_id=1, variables=variables) == [Problem("variables", HALF)]


def test_a_bulk_to_numbers_is_read() -> None:
    read = bulk(numbers=[NUMBER, SECOND, THIRD], message="Hi")

    assert read.content == Content("Hi", None, {})
    assert read.given == [(n, Recipient(n, {})) for n in (NUMBER, SECOND, THIRD)]
    assert read.recipients == [Recipient(n, {}) for n in (NUMBER, SECOND, THIRD)]


def test_a_bulk_to_recipients_has_variables_for_all_and_for_each() -> None:
    read = bulk(
        recipients=[{"number": NUMBER, "variables": {"name": "Ann"}}, {"number": SECOND}],
        template_id=5,
        variables={"shop": "X"},
    )

    assert read.content == Content(None, 5, {"shop": "X"})
    assert read.recipients == [Recipient(NUMBER, {"name": "Ann"}), Recipient(SECOND, {})]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, Problem("numbers", "is required")),
        ({"numbers": None}, Problem("numbers", "is required")),
        ({"numbers": None, "recipients": None}, Problem("numbers", "is required")),
        ({"numbers": []}, Problem("numbers", "must not be empty")),
        ({"recipients": []}, Problem("recipients", "must not be empty")),
        ({"numbers": [NUMBER], "recipients": [{"number": NUMBER}]}, BOTH_LISTS),
        ({"numbers": [], "recipients": [{"number": NUMBER}]}, BOTH_LISTS),
        ({"numbers": [NUMBER], "recipients": []}, BOTH_LISTS),
    ],
)
def test_a_bulk_has_numbers_or_recipients(fields: dict[str, object], problem: Problem) -> None:
    assert refused_bulk(message="Hi", **fields) == [problem]


def test_200_numbers_are_the_most() -> None:
    numbers = [str(27820000000 + n) for n in range(201)]
    recipients = [{"number": number} for number in numbers]
    problem = "has 201 numbers; 200 is the most"

    assert len(bulk(numbers=numbers[:200], message="Hi").recipients) == 200
    assert len(bulk(recipients=recipients[:200], message="Hi").recipients) == 200
    assert refused_bulk(numbers=numbers, message="Hi") == [Problem("numbers", problem)]
    assert refused_bulk(recipients=recipients, message="Hi") == [Problem("recipients", problem)]


def test_the_most_counts_what_was_given_duplicates_and_all() -> None:
    assert refused_bulk(numbers=[NUMBER] * 201, message="Hi")


def test_bad_numbers_do_not_stop_the_rest_and_keep_their_place() -> None:
    given = ["x", NUMBER, "", SECOND, "0821234567", f"{THIRD}\n"]
    read = bulk(numbers=given, message="Hi")

    assert [number for number, _ in read.given] == given
    assert [recipient is None for _, recipient in read.given] == [
        True,
        False,
        True,
        False,
        True,
        True,
    ]
    assert [recipient.number for recipient in read.recipients] == [NUMBER, SECOND]


def test_a_bulk_of_bad_numbers_alone_is_read_and_has_nobody_to_go_to() -> None:
    assert bulk(numbers=["x", "y"], message="Hi").recipients == []


def test_a_number_is_sent_to_once_at_the_place_of_its_first_mention() -> None:
    read = bulk(numbers=[NUMBER, SECOND, SPELLED, THIRD, NUMBER, SECOND], message="Hi")

    assert len(read.given) == 6
    assert [recipient.number for recipient in read.recipients] == [NUMBER, SECOND, THIRD]


def test_the_first_mention_of_a_number_gives_its_variables() -> None:
    read = bulk(
        recipients=[
            {"number": NUMBER, "variables": {"name": "first"}},
            {"number": SPELLED, "variables": {"name": "second"}},
        ],
        template_id=1,
    )

    assert read.recipients == [Recipient(NUMBER, {"name": "first"})]


@given(st.lists(st.sampled_from([NUMBER, SPELLED, SECOND, THIRD, "x"]), min_size=1, max_size=20))
def test_recipients_are_the_numbers_given_each_once_in_order(numbers: list[str]) -> None:
    read = bulk(numbers=numbers, message="Hi")
    good = [recipient.number for _, recipient in read.given if recipient is not None]

    assert [number for number, _ in read.given] == numbers
    assert [recipient.number for recipient in read.recipients] == list(dict.fromkeys(good))


@pytest.mark.parametrize(
    ("recipients", "named"),
    [
        ([NUMBER], "recipients[0]"),
        ([{"number": NUMBER}, {}], "recipients[1].number"),
        ([{"number": 27821234567}], "recipients[0].number"),
        ([{"number": NUMBER, "name": "Ann"}], "recipients[0].name"),
        ([{"number": NUMBER, "variables": []}], "recipients[0].variables"),
        ({"number": NUMBER}, "recipients"),
        (NUMBER, "recipients"),
    ],
)
def test_a_recipient_that_cannot_be_read_is_named(recipients: object, named: str) -> None:
    [problem] = refused_bulk(recipients=recipients, message="Hi")

    assert problem.field == named


@pytest.mark.parametrize(
    ("numbers", "named"),
    [([NUMBER, 27], "numbers[1]"), ([None], "numbers[0]"), (NUMBER, "numbers"), ({}, "numbers")],
)
def test_numbers_that_are_no_list_of_texts_are_refused(numbers: object, named: str) -> None:
    [problem] = refused_bulk(numbers=numbers, message="Hi")

    assert problem.field == named


def test_every_problem_of_a_bulk_is_told_at_once() -> None:
    assert refused_bulk(numbers=[], message="") == [EMPTY, Problem("numbers", "must not be empty")]


@pytest.mark.parametrize("field", ["number", "device_id", "batch_id", "weight"])
def test_a_bulk_has_no_other_fields(field: str) -> None:
    problems = refused_bulk(numbers=[NUMBER], message="Hi", **{field: None})

    assert problems == [Problem(field, "is not a field here")]


NULLS = dict.fromkeys(["send_at", "expires_in", "reference"])
NOT_A_TIME = Problem("send_at", "must be a time in ISO 8601, such as 2025-06-03T10:30:00Z")
TOO_FAR = Problem("send_at", "must not be more than a year ahead")
OUT_OF_BOUNDS = Problem("expires_in", "must be between 1 and 2592000 seconds")
NO_ID = Problem("device_id", "must be the id of a device")


def test_a_send_without_options_leaves_them_to_the_server() -> None:
    assert send(message="Hi").options == PLAIN
    assert send(message="Hi", device_id=None, **NULLS).options == PLAIN
    assert bulk(numbers=[NUMBER], message="Hi", **NULLS).options == PLAIN


def test_a_send_may_say_when_for_how_long_what_for_and_by_which_device() -> None:
    given = {"send_at": "2025-06-04T12:00:00+02:00", "expires_in": 60, "reference": "order 7"}
    at, wait = datetime(2025, 6, 4, 10, tzinfo=UTC), timedelta(seconds=60)

    assert send(message="Hi", device_id=3, **given).options == Options(at, wait, "order 7", 3)
    assert bulk(numbers=[NUMBER], message="Hi", **given).options == Options(at, wait, "order 7")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2025-06-03T10:30:01Z", NOW + timedelta(seconds=1)),
        ("2025-06-03T10:30:01", NOW + timedelta(seconds=1)),
        ("2025-06-03T10:30:00.000001Z", NOW + timedelta(microseconds=1)),
        ("2025-06-03T12:30:01+02:00", NOW + timedelta(seconds=1)),
        ("2025-06-03T04:30:01-06:00", NOW + timedelta(seconds=1)),
        ("2025-06-03 10:31", NOW + timedelta(minutes=1)),
        ("20250603T103100Z", NOW + timedelta(minutes=1)),
        ("2025-06-04", NOW + timedelta(hours=13, minutes=30)),
        ("2026-06-03T10:30:00Z", NOW + timedelta(days=365)),
        ("2026-06-04T10:30:00Z", NOW + YEAR),
        ("2025-06-03T10:30:00Z", None),
        ("2025-06-03T12:29:59+02:00", None),
        ("2025-06-03", None),
        ("1970-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_a_moment_is_taken_in_any_zone_and_one_that_has_passed_means_now(
    text: str, at: datetime | None
) -> None:
    assert send(message="Hi", send_at=text).options.send_at == at
    assert bulk(numbers=[NUMBER], message="Hi", send_at=text).options.send_at == at


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", NOT_A_TIME),
        ("tomorrow", NOT_A_TIME),
        ("2025-13-01T00:00:00Z", NOT_A_TIME),
        ("2025-06-31T00:00:00Z", NOT_A_TIME),
        ("2025-06-04T10:30:00+99:00", NOT_A_TIME),
        ("2025-06-04T10:30:00Z ", NOT_A_TIME),
        ("1749032400", NOT_A_TIME),
        ("\0", NOT_A_TIME),
        ("0001-01-01T00:00:00+10:00", NOT_A_TIME),
        ("9999-12-31T23:59:59-10:00", NOT_A_TIME),
        ("2026-06-04T10:30:01Z", TOO_FAR),
        ("9999-12-31T23:59:59Z", TOO_FAR),
        ("\ud800", Problem("send_at", HALF)),
    ],
)
def test_what_is_no_moment_of_the_next_year_is_refused(value: str, problem: Problem) -> None:
    assert refused_send(message="Hi", send_at=value) == [problem]
    assert refused_bulk(numbers=[NUMBER], message="Hi", send_at=value) == [problem]


@pytest.mark.parametrize("seconds", [1, 86_400, 2_592_000])
def test_a_message_may_wait_from_a_second_to_thirty_days(seconds: int) -> None:
    read = send(message="Hi", expires_in=seconds)

    assert read.options.expires_in == timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [0, -1, 2_592_001, 2**63, -(2**63), 10**30])
def test_no_shorter_and_no_longer(seconds: int) -> None:
    assert refused_send(message="Hi", expires_in=seconds) == [OUT_OF_BOUNDS]
    assert refused_bulk(numbers=[NUMBER], message="Hi", expires_in=seconds) == [OUT_OF_BOUNDS]


@pytest.mark.parametrize("text", ["a", " ", "order 7/é😀", "a" * 200, "😀" * 200])
def test_a_reference_is_kept_as_it_is(text: str) -> None:
    assert send(message="Hi", reference=text).options.reference == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must not be empty"),
        ("a" * 201, "has 201 characters; 200 is the most"),
        ("a\0b", "must not contain the character NUL"),
        ("\ud83d", HALF),
    ],
)
def test_a_reference_that_cannot_be_kept_is_refused(text: str, problem: str) -> None:
    wrong = [Problem("reference", problem)]

    assert refused_send(message="Hi", reference=text) == wrong
    assert refused_bulk(numbers=[NUMBER], message="Hi", reference=text) == wrong


@pytest.mark.parametrize("id", [1, 2**63 - 1])
def test_a_device_is_named_by_its_id(id: int) -> None:
    assert send(message="Hi", device_id=id).options.device_id == id


@pytest.mark.parametrize("id", [0, -1, 2**63, 10**30])
def test_what_can_be_no_id_names_no_device(id: int) -> None:
    assert refused_send(message="Hi", device_id=id) == [NO_ID]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("send_at", [1749032400, 1.5, True, [], {}]),
        ("expires_in", ["60", 1.5, True, [], {}]),
        ("reference", [7, 1.5, True, [], {}]),
        ("device_id", ["3", 1.5, True, [], {}]),
    ],
)
def test_an_option_of_a_wrong_type_is_refused_by_its_name(field: str, wrong: list[object]) -> None:
    for value in wrong:
        (problem,) = refused_send(message="Hi", **{field: value})
        assert problem.field == field
        assert problem.problem.startswith("must be ")


def test_every_problem_of_the_options_is_told_at_once() -> None:
    given = {"send_at": "soon", "expires_in": 0, "reference": "", "device_id": 0}
    problems = refused_send("x", message="", **given)

    assert [problem.field for problem in problems] == ["number", "message", *given]
