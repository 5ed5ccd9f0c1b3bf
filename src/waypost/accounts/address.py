"""Which client a request comes from, as the key of its limits."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from waypost.kit.config import Network

LOCAL = "local"
"""Peers on a Unix socket, which have no address."""

Address = IPv4Address | IPv6Address


def client_key(peer: str | None, forwarded: Iterable[str], trusted: Sequence[Network]) -> str:
    """The peer's address, or the right-most one that trusted proxies forwarded for; IPv6 by /64."""
    address = _address(peer or "")
    if address is None:
        return LOCAL
    hops = [hop for line in forwarded for hop in line.split(",")]
    while hops and any(address in network for network in trusted):
        before = _address(hops.pop())
        if before is None:
            break
        address = before
    return _key(address)


def _key(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))


def _address(text: str) -> Address | None:
    """An address, with or without a port, brackets or a zone."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    # On a socket for both families an IPv4 client appears as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address
