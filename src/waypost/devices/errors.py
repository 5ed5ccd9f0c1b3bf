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


class OtherKind(Invalid):
    """A configuration is for another kind of device than it is given to."""

    @classmethod
    def named(cls, kind: str) -> Invalid:
        return cls.field("config", f"has no field that a {kind} device has")


class TokenStays(Invalid):
    """A kept token is used where it was given for: elsewhere somebody could draw it out."""

    @classmethod
    def named(cls) -> Invalid:
        return cls.field("config.access_token", "is required when the rest of config changes")


class NothingToWarmUpTo(Invalid):
    """A warm-up leads to a cap."""

    @classmethod
    def named(cls) -> Invalid:
        return cls.field("pacing.warm_up", "needs a daily_cap to lead to")


class NameTaken(Conflict):
    """Names of devices and names of pools are unique, whatever their case."""

    def __init__(self, thing: str, name: str) -> None:
        super().__init__(f"There already is a {thing} named {name!r}.")


class NumberTaken(Conflict):
    """An official number is one device."""

    def __init__(self) -> None:
        super().__init__("There already is a device with this phone_number_id.")


class PoolInUse(Conflict):
    """A pool goes only when nothing depends on it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The pool cannot be deleted: {reason}.")


class DefaultPool(Conflict):
    """There always is a default pool."""

    def __init__(self) -> None:
        super().__init__("This is the default pool; make another one the default instead.")


class CannotLookUp(Conflict):
    """Whether a number is on WhatsApp, its official interface tells only by a send."""

    def __init__(self) -> None:
        super().__init__("The devices of your pool are official numbers, which look nothing up.")


class NoneAvailable(Conflict):
    """The request needs a device that can send now."""

    def __init__(self) -> None:
        super().__init__("No device of your pool is connected.")
