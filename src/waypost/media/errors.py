"""Refusals of files."""

from waypost.kit.errors import Conflict, NotFound


class NoSuchFile(NotFound):
    """It is not there, or not this account's."""

    def __init__(self) -> None:
        super().__init__("There is no file by that media_id.")


class NoRoom(Conflict):
    """The account keeps as much as it may."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"Your files may come to {most} bytes together, and with this one they come to more."
            " Delete some."
        )
