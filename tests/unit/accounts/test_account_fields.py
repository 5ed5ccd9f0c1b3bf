"""What people may call themselves, where they are reached, and what may keep others out."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from waypost.accounts import password
from waypost.accounts.fields import Email, NewPassword, PhoneNumber, Username
from waypost.kit.errors import Invalid


def taken(kind: Any, text: str) -> str:
    value: str = TypeAdapter(kind).validate_python(text, strict=True)
    return value


@pytest.mark.parametrize(
    "name", ["demo", "newuser", "your_username", "a", "x" * 64, "Zoë B.", "李"]
)
def test_usernames_may_be_nearly_anything(name: str) -> None:
    assert taken(Username, name) == name


def test_two_spellings_of_one_name_are_one() -> None:
    assert taken(Username, "Zoe\u0308") == taken(Username, "Zo\u00eb")


@pytest.mark.parametrize(
    "name", ["", "x" * 65, " demo", "demo ", "de\nmo", "de\0mo", "de\ud800mo", "\u200bdemo", "\t"]
)
def test_usernames_cannot_hold_what_is_not_seen(name: str) -> None:
    with pytest.raises(ValidationError):
        taken(Username, name)


@pytest.mark.parametrize("email", ["newuser@example.com", "a.b+c@sub.example.co.za"])
def test_an_email_address_is_taken_without_asking_anybody(email: str) -> None:
    assert taken(Email, email) == email


@pytest.mark.parametrize(
    "email",
    ["", "nobody", "a@", "@example.com", "a b@example.com", "a@b\0.com", "x" * 300 + "@b.com"],
)
def test_what_is_no_email_address_is_refused(email: str) -> None:
    with pytest.raises(ValidationError):
        taken(Email, email)


def test_a_notification_number_is_kept_as_digits() -> None:
    assert taken(PhoneNumber, "+27 82 123-4567") == "27821234567"


@pytest.mark.parametrize("number", ["", "12", "0821234567", "hello", "27821234567\0"])
def test_what_is_no_possible_number_is_refused(number: str) -> None:
    with pytest.raises(ValidationError):
        taken(PhoneNumber, number)


@pytest.mark.parametrize("text", ["password123", "securepassword", "8 chars!", "x" * 256])
def test_good_passwords(text: str) -> None:
    assert taken(NewPassword, text) == text
    assert password.flaw(text, "demo") is None


@pytest.mark.parametrize("text", ["", "7chars!", "x" * 257, "nul\0nul\0nul", "\ud800" * 8])
def test_bad_passwords(text: str) -> None:
    with pytest.raises(ValidationError):
        taken(NewPassword, text)


async def test_a_password_is_not_the_username_in_any_case() -> None:
    with pytest.raises(Invalid) as refused:
        await password.hashed("LongUserName", "longusername", "new_password")

    assert [problem.field for problem in refused.value.details] == ["new_password"]
