"""What is sealed opens with a key of ours, at its own place, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.kit.config import Settings
from waypost.kit.seal import Sealer, fingerprint, sealer

OLD, NEW, OTHER = "o" * 40, "n" * 40, "x" * 40
TOKEN, PLACE = "EAAG-a-token", "device:7:access_token"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_is_opened_as_it_was(secret: str) -> None:
    ours = Sealer([NEW])

    assert ours.open(ours.seal(secret, PLACE), PLACE) == secret


def test_what_is_sealed_shows_neither_the_secret_nor_that_two_are_the_same() -> None:
    ours = Sealer([NEW])
    first, second = ours.seal(TOKEN, PLACE), ours.seal(TOKEN, PLACE)

    assert TOKEN.encode() not in first
    assert first != second


@pytest.mark.parametrize("place", ["device:8:access_token", "device:7:app_secret", ""])
def test_a_secret_moved_to_another_place_does_not_open(place: str) -> None:
    ours = Sealer([NEW])

    assert ours.open(ours.seal(TOKEN, PLACE), place) is None


def test_one_changed_bit_anywhere_keeps_it_shut() -> None:
    ours = Sealer([NEW])
    sealed = ours.seal(TOKEN, PLACE)

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert ours.open(bytes(changed), PLACE) is None


def test_what_is_cut_off_anywhere_keeps_shut() -> None:
    ours = Sealer([NEW])
    sealed = ours.seal(TOKEN, PLACE)

    assert [ours.open(sealed[:end], PLACE) for end in range(len(sealed))] == [None] * len(sealed)


def test_the_first_key_seals_and_former_ones_open() -> None:
    former, ours, stranger = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([OTHER])
    old, new = former.seal(TOKEN, PLACE), ours.seal(TOKEN, PLACE)

    assert ours.open(old, PLACE) == ours.open(new, PLACE) == TOKEN
    assert Sealer([NEW]).open(new, PLACE) == TOKEN
    assert former.open(new, PLACE) is None
    assert stranger.open(old, PLACE) is stranger.open(new, PLACE) is None
    assert (ours.is_current(old), ours.is_current(new)) == (False, True)


def test_the_settings_name_the_keys() -> None:
    settings = Settings(seal_key=NEW, seal_previous_keys=(OLD,))
    old = Sealer([OLD]).seal(TOKEN, PLACE)

    assert sealer(settings).open(old, PLACE) == TOKEN
    assert Sealer([NEW]).open(sealer(settings).seal(TOKEN, PLACE), PLACE) == TOKEN
    with pytest.raises(ValueError, match="key"):
        sealer(Settings())


def test_nothing_that_is_printed_tells_a_key() -> None:
    ours = Sealer([NEW])

    assert NEW[:8] not in repr(ours) + repr(vars(ours)) + fingerprint(NEW)
    assert fingerprint(NEW) != fingerprint(OLD)
