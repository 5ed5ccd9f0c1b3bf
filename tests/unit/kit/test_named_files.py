"""How requests name files."""

from uuid import UUID

import pytest

from waypost.kit.files import filename_problem, link_problem, parse_id, show_id

ID = UUID("01920000-0000-7000-8000-000000000000")


def test_an_id_is_read_as_it_is_shown() -> None:
    assert show_id(ID) == "med_01920000000070008000000000000000"
    assert parse_id(show_id(ID)) == ID


@pytest.mark.parametrize("text", ["", "med_", "msg_01920000000070008000000000000000", "7"])
def test_what_cannot_be_an_id_is_none(text: str) -> None:
    assert parse_id(text) is None


@pytest.mark.parametrize(
    "link",
    [
        "https://example.com/a.png",
        "http://example.com",
        "https://example.com:8443/a?b=c#d",
        "https://127.0.0.1/x",
        "https://bücher.example/ä",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_a_link_may_lead_anywhere_on_the_web(link: str) -> None:
    assert link_problem(link) is None


@pytest.mark.parametrize(
    "link",
    [
        "",
        "example.com/a.png",
        "/a.png",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "https://",
        "https:///a",
        "https://example.com/a b",
        "https://example.com/a\n",
        "https://[::1/a",
        "https://example.com:99999/",
        "https://example.com/" + "a" * 2029,
    ],
)
def test_what_is_no_link_is_told(link: str) -> None:
    assert link_problem(link) is not None


@pytest.mark.parametrize("name", ["a.pdf", "Rechnung März.pdf", ".x", "a" * 240])
def test_a_file_may_be_called_so(name: str) -> None:
    assert filename_problem(name) is None


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..\\x", "a\0", "a\r\nb", "\ud800", "a" * 241])
def test_a_file_cannot_be_called_so(name: str) -> None:
    assert filename_problem(name) is not None
