"""Secrets as the database keeps them: readable only with a key that is not in it."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from waypost.kit.config import Settings

_PURPOSE = b"waypost sealed secret"
_NONCE = 12
_NAME = 6


@dataclass(frozen=True, slots=True, repr=False)
class _Key:
    """A key, and the name by which what it sealed tells of it."""

    name: bytes
    cipher: AESGCM


class Sealer:
    """Seals with the first key, opens what any of them sealed.

    What is sealed belongs to one place, and opens for no other.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._sealing = _key(keys[0])
        self._keys = {key.name: key for key in map(_key, keys)}

    def seal(self, secret: str, place: str) -> bytes:
        """The secret, as it may be kept at this place."""
        key, nonce = self._sealing, os.urandom(_NONCE)
        return key.name + nonce + key.cipher.encrypt(nonce, secret.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str | None:
        """The secret; None where no key of ours sealed it, or not for this place."""
        name, nonce, rest = sealed[:_NAME], sealed[_NAME : _NAME + _NONCE], sealed[_NAME + _NONCE :]
        key = self._keys.get(name)
        if key is None or len(nonce) < _NONCE:
            return None
        try:
            return key.cipher.decrypt(nonce, rest, place.encode()).decode()
        except InvalidTag:
            return None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the key that seals now sealed this."""
        return sealed[:_NAME] == self._sealing.name


def sealer(settings: Settings) -> Sealer:
    """By the setting's key and the former ones; ValueError without a key."""
    if settings.seal_key is None:
        raise ValueError("a sealer needs a key")
    return Sealer((settings.seal_key, *settings.seal_previous_keys))


def fingerprint(key: str) -> str:
    """What names a key without telling it."""
    return hashlib.sha256(b"waypost seal key" + key.encode()).hexdigest()[:12]


def _key(text: str) -> _Key:
    derived = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(text.encode())
    return _Key(bytes.fromhex(fingerprint(text)), AESGCM(derived))
