"""Access tokens: JWTs signed with HS256; `kid` says with which of our secrets."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import jwt
import msgspec

ALGORITHM = "HS256"
BEARER = "Bearer"
"""The scheme by which tokens are sent."""

_Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Moment = Annotated[int, msgspec.Meta(ge=0, le=2**37)]

# What is claimed is looked at by us: PyJWT knows only the machine's own clock.
_OPTIONS: jwt.types.Options = {"verify_exp": False, "verify_iat": False, "verify_sub": False}


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of ours says."""

    account_id: int
    session_id: UUID
    expires_at: datetime


class _Payload(msgspec.Struct):
    sub: _Id
    sid: UUID
    iat: _Moment
    exp: _Moment
    jti: str


class Tokens:
    """Issues tokens under one secret; reads those of previous secrets too."""

    def __init__(self, secret: str, previous: Sequence[str], seconds: int) -> None:
        self.seconds = seconds
        self._secret = secret
        self._kid = fingerprint(secret)
        self._keys = {fingerprint(key): key for key in (*previous, secret)}

    def issue(self, account_id: int, session_id: UUID, id: UUID, at: datetime) -> str:
        """A token that lives for `seconds`."""
        payload = {
            "sub": str(account_id),
            "sid": str(session_id),
            "iat": at,
            "exp": at + timedelta(seconds=self.seconds),
            "jti": str(id),
        }
        return jwt.encode(payload, self._secret, ALGORITHM, headers={"kid": self._kid})

    def read(self, token: str, at: datetime) -> Claims | None:
        """What the token says; None unless we signed it and it still lives."""
        try:
            key = self._keys[jwt.get_unverified_header(token).get("kid", "")]
            payload = jwt.decode(token, key, [ALGORITHM], _OPTIONS)
            said = msgspec.convert(payload, _Payload, strict=False)
        except (jwt.InvalidTokenError, msgspec.ValidationError, KeyError):
            return None
        expires_at = datetime.fromtimestamp(said.exp, UTC)
        return Claims(said.sub, said.sid, expires_at) if at < expires_at else None


def fingerprint(secret: str) -> str:
    """What names a key without telling it."""
    return hashlib.sha256(b"waypost token key" + secret.encode()).hexdigest()[:12]
