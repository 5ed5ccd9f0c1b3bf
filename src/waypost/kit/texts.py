"""Texts that PostgreSQL and JSON can both hold."""

from typing import Annotated

from pydantic import AfterValidator, StringConstraints


def problem_of(text: str) -> str | None:
    """Why the text cannot be kept; None where it can."""
    if "\0" in text:
        return "must not contain the character NUL"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "must not contain half of a surrogate pair"
    return None


def _kept(text: str) -> str:
    problem = problem_of(text)
    if problem is not None:
        raise ValueError(problem)
    return text


Text = Annotated[str, AfterValidator(_kept)]
"""A text in a request's body."""

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_kept),
]
"""What people call a thing; blanks around it do not count."""
