"""Numbers are taken in the contract's spellings, and judged as the library alone judges them."""

from collections.abc import Iterator

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from waypost.kit.numbers import normalise

# The shortest number that a phone can have is longer; what is shorter is refused unasked.
SHORTEST = 6

digits_like = st.text("0123456789", min_size=SHORTEST, max_size=20)


def asked_of_the_library(digits: str) -> str | None:
    """What the library by itself makes of an international number."""
    try:
        number = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")


def examples() -> Iterator[str]:
    """The library's own example numbers: of every region and type, and those of no region."""
    for region in phonenumbers.SUPPORTED_REGIONS:
        for type in PhoneNumberType.values():
            yield from spelled(phonenumbers.example_number_for_type(region, type))
        yield from spelled(phonenumbers.invalid_example_number(region))
    for code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
        yield from spelled(phonenumbers.example_number_for_non_geo_entity(code))


def spelled(number: PhoneNumber | None) -> Iterator[str]:
    """The number, and as it is written by mistake: with its national prefix."""
    if number is not None:
        yield phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
        yield f"{number.country_code}0{number.national_number}"


EXAMPLES = sorted({digits for digits in examples() if len(digits) >= SHORTEST})


@pytest.mark.parametrize(
    "spelling",
    [
        "27821234567",
        "+27821234567",
        "27 82 123 4567",
        "+27 82 123 4567",
        "27-82-123-4567",
        "+27-82-123-4567",
        "+27 82-123 4567",
        "+27 - 82 - 123 - 4567",
        "2 7 8 2 1 2 3 4 5 6 7",
        "+27 0821234567",
        "27821234567 ",
        " 27821234567",
        "  +27 82 123 4567  ",
    ],
)
def test_a_number_is_taken_in_every_spelling_and_kept_as_digits(spelling: str) -> None:
    assert normalise(spelling) == "27821234567"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "+",
        "-",
        "7",
        "12345",
        "27",
        "0821234567",
        "0027821234567",
        "120255501",
        "120255501234",
        "278212345678901234",
        "99999999999",
        "++27821234567",
        "+27821234567+",
        "27+821234567",
        "27821234567\n",
        "\n27821234567",
        "27821234567\r",
        "27821234567\0",
        "27\t821234567",
        "27\N{NO-BREAK SPACE}821234567",
        "27\N{EN DASH}821234567",
        "27.82.123.4567",
        "(27) 821234567",
        "27/821234567",
        "2782123456a",
        "27821CALLME",
        "27821234567;ext=5",
        "27821234567 ext. 5",
        "tel:+27821234567",
        "27821234567,27821234568",
        "２７８２１２３４５６７",
        "٢٧٨٢١٢٣٤٥٦٧",
        "2782123456\N{SUPERSCRIPT SEVEN}",
        "1" * 10_000,
        "1 " * 10_000,
    ],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert normalise(text) is None


@given(digits_like)
@example("27" + "0821234567")
@example("800" + "12345678")
@example("1" + "2425551234")
def test_digits_are_judged_as_the_library_judges_them(digits: str) -> None:
    assert normalise(digits) == asked_of_the_library(digits)


def test_every_example_of_every_region_is_judged_as_the_library_judges_it() -> None:
    judged = {digits: normalise(digits) for digits in EXAMPLES}

    assert judged == {digits: asked_of_the_library(digits) for digits in EXAMPLES}
    assert sum(number is not None for number in judged.values()) > 1000


@given(st.sampled_from(EXAMPLES), st.text("0123456789", max_size=6), st.integers(0, 14))
def test_numbers_near_a_regions_own_are_judged_as_the_library_judges_them(
    digits: str, more: str, at: int
) -> None:
    near = digits[:at] + more + digits[at + 1 :]
    if len(near) >= SHORTEST:
        assert normalise(near) == asked_of_the_library(near)


@given(st.sampled_from(EXAMPLES), st.lists(st.sampled_from(["", " ", "-"]), min_size=20))
def test_separators_change_nothing(digits: str, gaps: list[str]) -> None:
    spelled = "".join(digit + gap for digit, gap in zip(digits, gaps, strict=False))

    assert normalise(spelled) == normalise(f"+{spelled}") == normalise(digits)


@given(st.sampled_from(EXAMPLES))
def test_what_was_normalised_stays_as_it_is(digits: str) -> None:
    once = normalise(digits)

    assert once is None or normalise(once) == once
    assert once is None or (once.isascii() and once.isdigit())


@given(st.text())
def test_any_text_is_a_number_or_none(text: str) -> None:
    number = normalise(text)

    assert number is None or number.isdecimal()
