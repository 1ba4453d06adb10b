"""How documents are fetched, and which URLs may be asked. RFC 8414 section 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .addresses import Origin, is_loopback_host, parse_origin
from .errors import excerpt
from .transport import FetchError

__all__ = ["HttpPolicy", "check_url", "is_listed", "locate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPolicy:
    """How documents are fetched: timeouts in seconds, sizes in bytes.

    ``connect_timeout`` holds per address, ``read_timeout`` between two pieces of the
    answer, ``total_timeout`` for everything, name resolution included. ``max_bytes``
    bounds the body before and after decoding. ``ca_bundle`` is a PEM file or a hashed
    directory and replaces certifi's. ``proxies`` are those of ``requests``, by scheme
    or by scheme and host; loopback hosts are never proxied. ``allow_insecure`` and
    ``allow_private_addresses`` are host names.
    """

    connect_timeout: float = 2.0
    read_timeout: float = 3.0
    total_timeout: float = 5.0
    max_bytes: int = 262144
    ca_bundle: str | None = None
    # Proxy URLs may hold passwords.
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_insecure: frozenset[str] = frozenset()
    allow_private_addresses: frozenset[str] = frozenset()


def check_url(url: str, policy: HttpPolicy) -> None:
    """Check that ``url`` may be asked at all; no name is looked up.

    It is absolute, in ASCII, at most 2048 characters long, without user information
    and fragment, and https; or http to a loopback host (``localhost``, 127.0.0.0/8,
    ``::1``) or a host in ``allow_insecure``. RFC 8414 section 2.

    Raises:
        FetchError: it is none of that; code ``insecure_url``.
    """
    locate(url, policy)


def locate(url: str, policy: HttpPolicy) -> Origin:
    """Return the origin of ``url``, which passes ``check_url``.

    Raises:
        FetchError: it does not; code ``insecure_url``.
    """
    # What stands before an "@" may be a password, which belongs in no log.
    shown = "the URL" if "@" in url else excerpt(url)
    try:
        origin = parse_origin(url)
    except ValueError as error:
        raise FetchError("insecure_url", f"{shown} {error}") from None
    if not (
        origin.scheme == "https"
        or is_loopback_host(origin.host)
        or is_listed(origin.host, policy.allow_insecure)
    ):
        raise FetchError("insecure_url", f"{shown} is not https")
    return origin


def is_listed(host: str, names: frozenset[str]) -> bool:
    """Whether ``names`` holds ``host``, in whatever case and brackets."""
    return host in {name.strip("[]").lower() for name in names}
