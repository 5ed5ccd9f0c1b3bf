"""A device's secrets open for this device, and by their own names."""

from waypost.drivers import secrets
from waypost.kit.seal import Sealer

OURS = Sealer(["k" * 32])
GIVEN = {"access_token": "a-token", "app_secret": "a-secret"}


def test_a_devices_secrets_come_back_by_their_names() -> None:
    assert secrets.unseal(OURS, 7, secrets.seal(OURS, 7, GIVEN)) == GIVEN


def test_another_devices_secrets_do_not_open() -> None:
    assert secrets.unseal(OURS, 8, secrets.seal(OURS, 7, GIVEN)) is None


def test_secrets_that_change_places_do_not_open() -> None:
    kept = secrets.seal(OURS, 7, GIVEN)
    swapped = dict(zip(kept, reversed(kept.values()), strict=True))

    assert secrets.unseal(OURS, 7, swapped) is None


def test_one_that_does_not_open_spoils_all() -> None:
    kept = secrets.seal(OURS, 7, GIVEN) | secrets.seal(Sealer(["x" * 32]), 7, {"app_secret": "s"})

    assert secrets.unseal(OURS, 7, kept) is None
