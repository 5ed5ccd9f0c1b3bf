"""Whether a call comes from who it says: the provider signs, and asks for a token of ours."""

import hashlib
import hmac

_SCHEME = "sha256="


def signed(body: bytes, app_secret: str) -> str:
    """What `X-Hub-Signature-256` has to say of this body, byte for byte as it came."""
    return _SCHEME + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def is_signed(body: bytes, signature: str, app_secret: str) -> bool:
    """Whether the app's secret made the signature; takes as long for one that is nearly right."""
    return is_same(signature, signed(body, app_secret))


def is_same(given: str, secret: str) -> bool:
    """Whether the two are alike; takes as long where they nearly are."""
    return hmac.compare_digest(given.encode(errors="replace"), secret.encode())
