"""Only a living token that we signed is read."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest

from waypost.accounts.tokens import Claims, Tokens

NOW = datetime(2025, 6, 3, 10, 30, tzinfo=UTC)
SECRET, OTHER = "k" * 64, "o" * 64
SESSION, ID = UUID(int=7), UUID(int=8)
TOKENS = Tokens(SECRET, (), 3600)


def issued(tokens: Tokens = TOKENS) -> str:
    return tokens.issue(12, SESSION, ID, NOW)


def forged(claims: dict[str, object], key: str = SECRET, algorithm: str = "HS256") -> str:
    """A token with our `kid` and any other content."""
    kid = jwt.get_unverified_header(issued())["kid"]
    good = jwt.decode(issued(), options={"verify_signature": False})
    kept = {name: value for name, value in (good | claims).items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers={"kid": kid})


def unsigned(header: object) -> str:
    parts = [json.dumps(header), json.dumps({"sub": "12"}), ""]
    return ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)


def test_a_token_says_whose_session_it_is_and_until_when() -> None:
    assert TOKENS.read(issued(), NOW) == Claims(12, SESSION, NOW + timedelta(hours=1))


def test_a_token_dies_at_its_end() -> None:
    assert TOKENS.read(issued(), NOW + timedelta(seconds=3599)) is not None
    assert TOKENS.read(issued(), NOW + timedelta(seconds=3600)) is None


def test_tokens_of_a_previous_secret_are_read_until_it_is_dropped() -> None:
    assert Tokens(OTHER, (SECRET,), 3600).read(issued(), NOW) is not None
    assert Tokens(OTHER, (), 3600).read(issued(), NOW) is None


def test_new_tokens_are_signed_with_the_newest_secret() -> None:
    assert Tokens(OTHER, (), 60).read(issued(Tokens(OTHER, (SECRET,), 60)), NOW) is not None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "é.é.é",
        issued()[:-3] + "AAA",
        issued().rpartition(".")[0] + ".",
        forged({}, OTHER),
        forged({}, SECRET, "HS512"),
        forged({"sub": None}),
        forged({"sub": "admin"}),
        forged({"sub": "0"}),
        forged({"sub": str(2**63)}),
        forged({"sid": None}),
        forged({"sid": "12"}),
        forged({"exp": None}),
        forged({"exp": 10**30}),
        forged({"jti": None}),
        jwt.encode({"sub": "12"}, SECRET, "HS256"),
        unsigned({"alg": "none"}),
        unsigned({"alg": "none", "kid": jwt.get_unverified_header(issued())["kid"]}),
        unsigned({"alg": "HS256", "kid": ["list"]}),
        unsigned([]),
        base64.urlsafe_b64encode(b"[" * 50_000).decode() + ".e30.",
        base64.urlsafe_b64encode(b'{"alg":' + b"9" * 5000 + b"}").decode() + ".e30.",
    ],
    ids=lambda token: token[:30],
)
def test_anything_else_is_nobody(token: str) -> None:
    assert TOKENS.read(token, NOW) is None
