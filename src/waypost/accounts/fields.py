"""The fields of people's requests: names, addresses, numbers, passwords."""

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from waypost.accounts import password
from waypost.kit.numbers import normalise
from waypost.kit.texts import Text

MAX_USERNAME = 64
MAX_EMAIL = 254


def canonical(username: str) -> str:
    """One spelling for what looks the same (NFC)."""
    return unicodedata.normalize("NFC", username)


def _username(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be printable characters without spaces at the ends")
    return canonical(text)


def _email(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise ValueError("must be an e-mail address") from None


def _number(text: str) -> str:
    digits = normalise(text)
    if digits is None:
        raise ValueError("must be a phone number in international format")
    return digits


def _password(text: str) -> str:
    flaw = password.flaw(text)
    if flaw is not None:
        raise ValueError(flaw)
    return text


Username = Annotated[Text, Field(min_length=1, max_length=MAX_USERNAME), AfterValidator(_username)]
Email = Annotated[Text, Field(max_length=MAX_EMAIL), AfterValidator(_email)]
PhoneNumber = Annotated[Text, AfterValidator(_number)]
NewPassword = Annotated[Text, AfterValidator(_password)]
