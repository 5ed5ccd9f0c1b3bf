"""Arguments that follow the rules of the API's own fields."""
# The rules are imported when there is something to check: they bring the web framework along,
# and `waypost --help` needs a quarter of the time without it.

from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")


def username(text: str) -> str:
    from waypost.accounts.fields import Username

    return _by(Username, text)


def amount(credits: int) -> int:
    from waypost.admin.accounts_schemas import Amount

    return _by(Amount, credits)


def first_credits(credits: int) -> int:
    return amount(credits) if credits else 0


def reason(text: str) -> str:
    from waypost.admin.accounts_schemas import Reason

    return _by(Reason, text)


def _by(rule: Any, value: T) -> T:
    """The value as the rule has it; typer shows the sentence of one that breaks it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        checked: T = TypeAdapter(rule).validate_python(value)
    except ValidationError as error:
        sentence = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise typer.BadParameter(sentence) from error
    return checked


Username = Annotated[str, typer.Argument(help="The account's name.", callback=username)]
Amount = Annotated[int, typer.Argument(help="Credits; negative takes away.", callback=amount)]
Reason = Annotated[str, typer.Option(help="Why; it stands in the ledger.", callback=reason)]
FirstCredits = Annotated[int, typer.Option(min=0, help="First credits.", callback=first_credits)]
