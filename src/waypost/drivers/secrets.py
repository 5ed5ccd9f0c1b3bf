"""A device's secrets: each is sealed for this device and this name alone."""

from collections.abc import Mapping

from waypost.kit.seal import Sealer


def seal(sealer: Sealer, device_id: int, secrets: Mapping[str, str]) -> dict[str, bytes]:
    """The secrets by their names, as they are kept."""
    return {name: sealer.seal(text, _place(device_id, name)) for name, text in secrets.items()}


def unseal(sealer: Sealer, device_id: int, sealed: Mapping[str, bytes]) -> Mapping[str, str] | None:
    """The secrets by their names; None where one of them cannot be opened here."""
    opened = {name: sealer.open(kept, _place(device_id, name)) for name, kept in sealed.items()}
    known = {name: text for name, text in opened.items() if text is not None}
    return known if len(known) == len(sealed) else None


def _place(device_id: int, name: str) -> str:
    return f"device:{device_id}:{name}"
