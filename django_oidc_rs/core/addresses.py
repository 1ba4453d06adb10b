"""What a URL leads to: its host and port, and whether they are of the public internet.

The tables of addresses are the package's own: ``ipaddress.is_global`` changes between
Python releases and says nothing of the IPv4 address inside an IPv6 one. From the IANA
special-purpose registries, RFC 6890.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

__all__ = ["Origin", "is_loopback_host", "is_public", "may_be_public", "parse_origin"]

_LOOPBACK = IPv4Network("127.0.0.0/8")
_RESERVED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            # Azure's host answers here, a public-looking address inside every machine.
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_RESERVED_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_NAT64 = IPv6Network("64:ff9b::/96")
# What inet_aton, and so a proxy, reads as an address: 127.1, 0x7f.1, 2130706433.
_NUMERIC_LABEL = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_MAX_URL_LENGTH = 2048
# RFC 3986 in ASCII, without user information and fragment. Whatever two parsers could
# read as two different hosts does not match.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9_][a-z0-9._-]*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?:[/?][a-z0-9._~:/?@!$&'()*+,;=%-]*)?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Scheme, host and port of a URL, in lower case; IPv6 without brackets."""

    scheme: str
    host: str
    port: int


def parse_origin(url: str) -> Origin:
    """Return where an absolute http(s) URL leads, which may have no doubtful part.

    Raises:
        ValueError: it is not in ASCII, longer than 2048 characters, has user
            information, a fragment, an impossible port or a malformed host. The
            message tells which and quotes nothing.
    """
    match = _URL.fullmatch(url) if len(url) <= _MAX_URL_LENGTH else None
    if match is None:
        raise ValueError(
            f"is no absolute http(s) URL in ASCII of at most {_MAX_URL_LENGTH} "
            "characters without user information and fragment"
        )
    scheme, host = match["scheme"].lower(), match["host"].strip("[]").lower()
    port = int(match["port"] or (443 if scheme == "https" else 80))
    if not 0 < port < 65536:
        raise ValueError("has an impossible port")
    if match["host"].startswith("["):
        try:
            IPv6Address(host)
        except ValueError:
            raise ValueError("has no IPv6 address in its brackets") from None
    return Origin(scheme=scheme, host=host, port=port)


def is_public(address: str) -> bool:
    """Return whether ``address``, an IP address in text, is globally routable.

    IPv4-mapped and NAT64 (RFC 6052) addresses count as the IPv4 address they hold.
    6to4, Teredo and text that is no address are not public.
    """
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        embedded = ip.ipv4_mapped
        if embedded is None and ip in _NAT64:
            embedded = IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is None:
            return ip in _GLOBAL_UNICAST and not any(ip in net for net in _RESERVED_V6)
        ip = embedded
    return not any(ip in network for network in _RESERVED_V4)


def is_loopback_host(host: str) -> bool:
    """Return whether a URL's host is ``localhost``, in 127.0.0.0/8 or ``::1``."""
    if host.lower() == "localhost":
        return True
    try:
        ip = ip_address(host)
    except ValueError:
        return False
    return ip in _LOOPBACK or ip == IPv6Address(1)


def may_be_public(host: str) -> bool:
    """Return whether a host that somebody else resolves, a proxy, may be public.

    An address must be public and in its canonical spelling. A name without a dot
    belongs to the network of whoever resolves it. No name is looked up.
    """
    name = host.rstrip(".").lower()
    if ":" in name or _NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        return is_public(name)
    return "." in name and not name.endswith(".localhost")
