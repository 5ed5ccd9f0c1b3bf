"""Pages are counted right, and a cursor is one of ours or refused."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waypost.kit.errors import Invalid
from waypost.kit.page import PageAsk, below, pagination, read_cursor, write_cursor

numbers = st.integers(0, 2**63 - 1)


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(numbers)
@example(0)
@example(2**63 - 1)
def test_a_cursor_leads_back_to_its_number(number: int) -> None:
    cursor = write_cursor(number)

    assert cursor is not None
    assert read_cursor(cursor) == number


@given(numbers)
def test_a_cursor_needs_no_quoting_in_a_url(number: int) -> None:
    assert set(write_cursor(number) or "") <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )


@given(numbers)
def test_without_a_cursor_reading_starts_above_all_and_nothing_is_below_the_first(n: int) -> None:
    assert below(None) >= n
    assert below(n) == n


def test_at_the_end_there_is_no_cursor() -> None:
    assert write_cursor(None) is None


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "=",
        "17",
        "garbage",
        "not base64!",
        "naïve",
        "\0",
        "\ud800",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "A" * 10_000,
        encoded("n"),
        encoded("17"),
        encoded("m17"),
        encoded("n-1"),
        encoded("n+1"),
        encoded("n 1"),
        encoded("n1\n"),
        encoded("n1_0"),
        encoded("n1.5"),
        encoded("n0x1"),
        encoded("n\N{ARABIC-INDIC DIGIT ONE}"),
        encoded("n\N{SUPERSCRIPT TWO}"),
        encoded(f"n{2**63}"),
        encoded("n" + "9" * 5000),
        base64.urlsafe_b64encode(b"n\xff").decode(),
    ],
)
def test_what_is_no_cursor_of_ours_is_refused_by_its_name(cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_cursor(cursor)

    assert refused.value.status == 400
    assert [problem.field for problem in refused.value.details] == ["cursor"]


@pytest.mark.parametrize("around", ["bjE=", "bjE\n", " bjE", "b.jE", "bjF", encoded("n007")])
def test_a_cursor_has_one_spelling(around: str) -> None:
    assert write_cursor(1) == "bjE"
    with pytest.raises(Invalid):
        read_cursor(around)


@given(st.text())
def test_any_text_is_a_cursor_of_ours_or_refused(text: str) -> None:
    try:
        number = read_cursor(text)
    except Invalid:
        return

    assert write_cursor(number) == text


@pytest.mark.parametrize(("asked", "given_out"), [(1, 1), (100, 100), (101, 100), (10**30, 100)])
def test_more_than_100_a_page_counts_as_100(asked: int, given_out: int) -> None:
    assert PageAsk.of(1, asked, None).per_page == given_out


def test_a_page_is_asked_for_by_number_or_after_a_cursor() -> None:
    assert PageAsk.of(3, 20, None) == PageAsk(3, 20, None)
    assert PageAsk.of(1, 20, write_cursor(41)) == PageAsk(1, 20, 41)


def test_a_bad_cursor_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(Invalid):
        PageAsk.of(1, 20, "garbage")


@pytest.mark.parametrize(
    ("total", "per_page", "pages"),
    [(0, 10, 0), (1, 10, 1), (9, 10, 1), (10, 10, 1), (11, 10, 2), (100, 1, 100), (101, 100, 2)],
)
def test_the_last_page_may_be_half_full(total: int, per_page: int, pages: int) -> None:
    assert pagination(PageAsk(2, per_page), total) == {
        "page": 2,
        "per_page": per_page,
        "total": total,
        "pages": pages,
    }


@given(st.integers(0, 2**63), st.integers(1, 100))
def test_the_pages_hold_everything_and_none_is_empty(total: int, per_page: int) -> None:
    pages = pagination(PageAsk(1, per_page), total)["pages"]

    assert (pages - 1) * per_page < total <= pages * per_page or pages == total == 0
