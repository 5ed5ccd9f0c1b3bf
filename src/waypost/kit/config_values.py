"""How the text of a setting becomes a value: one `Kind` for each sort of value."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Number = TypeVar("Number", int, float)
Choice = TypeVar("Choice", bound=str)

Network = IPv4Network | IPv6Network

_SECONDS = {"second": 1, "minute": 60, "hour": 3600}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(_SECONDS)})")
_VERSION = re.compile(r"v[1-9][0-9]{0,2}\.[0-9]{1,2}")
_MIN_SECRET_BYTES = 32
_MIN_PASSWORD = 8
_MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A sort of value: what it should be, and how it is read (ValueError when it is not that)."""

    expected: str
    parse: Callable[[str], T_co]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` requests in any span of `seconds`."""

    limit: int
    seconds: int

    def __str__(self) -> str:
        unit = next(unit for unit, seconds in _SECONDS.items() if seconds == self.seconds)
        return f"{self.limit}/{unit}"


def whole(low: int, high: int) -> Kind[int]:
    """A whole number between two bounds, both allowed."""
    return Kind(f"a whole number from {low} to {high}", lambda text: _between(low, int(text), high))


def seconds(low: float, high: float) -> Kind[float]:
    """A span of time in seconds, with fractions."""
    expected = f"seconds, from {low:g} to {high:g}"
    return Kind(expected, lambda text: _between(low, float(text), high))


def one_of(*choices: Choice) -> Kind[Choice]:
    """One of a few words."""
    by_word = {choice.lower(): choice for choice in choices}
    return Kind(f"one of {', '.join(choices)}", lambda text: _member(by_word, text.lower()))


def list_of(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """Values of one kind, with commas between them."""
    return Kind(
        f"a list with commas, each {kind.expected}",
        lambda text: tuple(kind.parse(item.strip()) for item in text.split(",") if item.strip()),
    )


def _between(low: Number, value: Number, high: Number) -> Number:
    if not low <= value <= high:
        raise ValueError
    return value


def _member(by_word: dict[str, Choice], word: str) -> Choice:
    if word not in by_word:
        raise ValueError
    return by_word[word]


def _word(text: str) -> str:
    if not text or not text.isprintable() or " " in text:
        raise ValueError
    return text


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", _word(text))
    if len(name) > _MAX_NAME:
        raise ValueError
    return name


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # the home of a user who does not exist
        raise ValueError from error


def _rate(text: str) -> Rate | None:
    if text.lower() == "off":
        return None
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError
    return Rate(int(match[1]), _SECONDS[match[2]])


def _secret(text: str) -> str:
    # Without commas, so that today's secret can stand in tomorrow's list of previous ones.
    if len(text.encode()) < _MIN_SECRET_BYTES or "," in text:
        raise ValueError
    return _word(text)


def _password(text: str) -> str:
    if len(text) < _MIN_PASSWORD:
        raise ValueError
    return text


def _postgres_url(text: str) -> str:
    return _url(text, "postgresql", "postgres")


def _redis_url(text: str) -> str:
    return _url(text, "redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix")


def _url(text: str, *schemes: str) -> str:
    if urlsplit(text).scheme not in schemes or "://" not in text:
        raise ValueError
    return text


def _http_url(text: str) -> str:
    return _url(text, "http", "https")


def base_url(text: str) -> str:
    """A base URL of an API, without a slash at its end; plain HTTP only to this host.

    Raises ValueError.
    """
    parts = urlsplit(text)
    bare = f"{parts.scheme}://{parts.netloc}{parts.path}"
    host = parts.hostname or ""
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if text != bare or not host or not is_safe or parts.username is not None or parts.port == 0:
        raise ValueError
    return _word(text.rstrip("/"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _api_version(text: str) -> str:
    if _VERSION.fullmatch(text) is None:
        raise ValueError
    return text


def _origin(text: str) -> str:
    parts = urlsplit(text)
    bare = parts.scheme in ("http", "https") and text == f"{parts.scheme}://{parts.netloc}"
    if text != "*" and not (bare and parts.hostname):
        raise ValueError
    return text


WORD = Kind("printable characters without spaces", _word)
NAME = Kind(f"at most {_MAX_NAME} printable characters without spaces", _name)
PATH = Kind("a folder's path", _path)
RATE = Kind("a number per second, minute or hour, as in 10/minute, or off", _rate)
SECRET = Kind(f"at least {_MIN_SECRET_BYTES} bytes without spaces or commas", _secret)
PASSWORD = Kind(f"at least {_MIN_PASSWORD} characters", _password)
POSTGRES_URL = Kind("a postgresql:// URL", _postgres_url)
REDIS_URL = Kind("a redis://, rediss://, valkey:// or redis+unix:// URL", _redis_url)
HTTP_URL = Kind("an http:// or https:// URL", _http_url)
BASE_URL = Kind("an https:// URL, or an http:// one of this host itself", base_url)
API_VERSION = Kind("a version such as v26.0", _api_version)
ORIGIN = Kind("an origin such as https://app.example.com, without a path, or *", _origin)
NETWORK: Kind[Network] = Kind("a network such as 10.0.0.0/8, or an address", ip_network)
