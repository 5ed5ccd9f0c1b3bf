"""Refusals about templates."""

from waypost.kit.errors import Conflict, NotFound


class NoSuchTemplate(NotFound):
    """There is none by that id, or it is another account's."""

    def __init__(self) -> None:
        super().__init__("There is no template by that id.")


class NameTaken(Conflict):
    """Names are unique within an account, whatever their case."""

    def __init__(self, name: str) -> None:
        super().__init__(f"You already have a template named {name!r}.")
