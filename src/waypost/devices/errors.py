"""Refusals about devices and pools."""

from waypost.kit.errors import Conflict, Invalid, NotFound


class NoSuchDevice(NotFound):
    """There is none by that id, or it is in another pool than the asker's."""

    def __init__(self) -> None:
        super().__init__("Device not found")


class NoSuchPool(NotFound):
    """There is none by that id."""

    def __init__(self) -> None:
        super().__init__("Pool not found")


class UnknownPool(Invalid):
    """A request names a pool that does not exist."""

    @classmethod
    def named(cls) -> Invalid:
        return cls.field("pool_id", "there is no such pool")


class NameTaken(Conflict):
    """Names of devices and names of pools are unique, whatever their case."""

    def __init__(self, thing: str, name: str) -> None:
        super().__init__(f"There already is a {thing} named {name!r}.")


class PoolInUse(Conflict):
    """A pool goes only when nothing depends on it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The pool cannot be deleted: {reason}.")


class DefaultPool(Conflict):
    """There always is a default pool."""

    def __init__(self) -> None:
        super().__init__("This is the default pool; make another one the default instead.")


class NoneAvailable(Conflict):
    """The request needs a device that can send now."""

    def __init__(self) -> None:
        super().__init__("No device of your pool is connected.")
