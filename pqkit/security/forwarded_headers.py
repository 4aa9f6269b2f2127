"""Finds the client behind proxies from forwarded headers, as far as the proxies are trusted.

A header counts only from a trusted proxy. Its addresses are read from the right, and the first that is no trusted proxy
is the client: the addresses to its left may be forged. If ``X-Forwarded-For`` and ``Forwarded`` (RFC 7239) disagree,
one of them came from the client and passed the proxy untouched: then neither counts.
"""

import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

Network = IPv4Network | IPv6Network
Values = Callable[[str], Sequence[str]]
"""Returns the values of all headers of a name, in order."""
MOST = 50
"""Maximum number of hops that are read."""
_PAIR = re.compile(r'\s*([A-Za-z]{1,20})=("[^"\\]{0,200}"|[^\s;,"]{0,200})\s*')


class Visitor(NamedTuple):
    """The client as far as it is known: its address, and ``http`` or ``https``."""

    address: str
    scheme: str


class _Hop(NamedTuple):
    """The client that a proxy reports; a field is empty if the proxy does not report it."""

    address: str
    scheme: str


def visitor(peer: Visitor, values: Values, proxies: Sequence[Network]) -> Visitor:
    """Return the client behind ``peer`` if that is one of ``proxies``; otherwise ``peer``."""
    if not proxies or not trusted(peer.address, proxies):
        return peer
    told = [found for hops in (_by_x(values), _by_forwarded(values)) if hops and (found := _last(peer, hops, proxies))]
    if not told:
        return peer
    return told[0] if len({one.address for one in told}) == 1 else peer


def _last(peer: Visitor, hops: Sequence[_Hop], proxies: Sequence[Network]) -> Visitor:
    """Return the rightmost hop that is no trusted proxy, or the last before a hidden hop."""
    known = peer
    for hop in reversed(hops):
        found = _address(hop.address)
        known = Visitor(str(found) if found else known.address, hop.scheme or known.scheme)
        if found is None or not trusted(str(found), proxies):
            break
    return known


def _by_x(values: Values) -> list[_Hop]:
    """Pair addresses with schemes if equally many; else the nearest proxy's scheme holds."""
    addresses, schemes = _listed(values("X-Forwarded-For")), _listed(values("X-Forwarded-Proto"))
    addresses = addresses or [""] * bool(schemes)
    if len(schemes) != len(addresses):
        schemes = [schemes[-1] if schemes else ""] * len(addresses)
    return [_Hop(address, _scheme(scheme)) for address, scheme in zip(addresses, schemes, strict=True)]


def _by_forwarded(values: Values) -> list[_Hop]:
    elements = _listed(values("Forwarded"))
    pairs = ({name.lower(): value.strip('"') for name, value in _PAIR.findall(element)} for element in elements)
    return [_Hop(pair.get("for", ""), _scheme(pair.get("proto", ""))) for pair in pairs]


def _listed(lines: Sequence[str]) -> list[str]:
    return [part.strip() for part in ",".join(lines).split(",") if part.strip()][-MOST:]


def _scheme(text: str) -> str:
    return text.lower() if text.lower() in {"http", "https"} else ""


def trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Return true if the address belongs to a trusted proxy."""
    found = _address(address)
    return found is not None and any(found in network for network in proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address with or without a port; None if it is no address, such as ``unknown``."""
    bracketed = re.fullmatch(r"\[([^\]]*)\](:\d+)?", text)
    bare = bracketed[1] if bracketed else text.partition(":")[0] if text.count(":") == 1 else text
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
