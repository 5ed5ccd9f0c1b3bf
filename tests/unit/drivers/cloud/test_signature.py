"""Who signs with the app's secret, byte for byte, is the provider; nobody else is."""

import pytest

from waypost.drivers.cloud.signature import is_same, is_signed, signed

SECRET = "app-secret"
# As `openssl dgst -sha256 -hmac app-secret` says of it.
BODY = rb'{"text":"\u00e9"}'
RIGHT = "sha256=60680c5f9da5368e9a6fdfeee209e1ba6bda975d4d269f5149012553b6ba75d6"


def test_the_signature_is_over_the_raw_bytes() -> None:
    assert signed(BODY, SECRET) == RIGHT
    assert is_signed(BODY, RIGHT, SECRET)
    assert not is_signed('{"text":"é"}'.encode(), RIGHT, SECRET), "the same JSON, other bytes"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "sha256=",
        RIGHT.removeprefix("sha256="),
        RIGHT.upper(),
        RIGHT[:-1],
        RIGHT + "0",
        RIGHT.replace("sha256", "sha1"),
        "é" * 71,
        "\ud800",
    ],
    ids=repr,
)
def test_anything_else_is_no_signature(given: str) -> None:
    assert not is_signed(BODY, given, SECRET)


def test_another_secret_does_not_sign() -> None:
    assert not is_signed(BODY, RIGHT, SECRET + "x")


def test_a_token_is_the_same_only_whole() -> None:
    assert is_same("token-é", "token-é")
    assert not is_same("token", "token-é")
    assert not is_same("", "token-é")
