"""How long a fetched JWK Set stays fresh. RFC 9111 section 4.2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["MAX_LIFETIME", "MIN_LIFETIME", "lifetime"]

MIN_LIFETIME = 300.0
"""Seconds: shorter ones would let an issuer's ``no-store`` mean a fetch per request."""
MAX_LIFETIME = 3600.0
"""Seconds: longer ones would keep a withdrawn key alive."""

_MAX_AGE = re.compile(r'max-age="?([0-9]+)"?')
_NO_STORE = frozenset(("no-store", "no-cache"))


def lifetime(headers: Mapping[str, str], *, now: float, default: float) -> float:
    """Return the lifetime in seconds of an answer with these (lower-case) headers.

    ``max-age``, else ``Expires``, clamped to 300..3600 s; ``no-store`` and ``no-cache``
    mean 300; ``default`` where the headers say nothing that can be understood.
    """
    directives = [
        directive.strip().lower()
        for directive in headers.get("cache-control", "").split(",")
    ]
    if not _NO_STORE.isdisjoint(directives):
        return MIN_LIFETIME
    for directive in directives:
        if match := _MAX_AGE.fullmatch(directive):
            return _clamp(float(match[1]))
    if "expires" in headers:
        try:
            expires = parsedate_to_datetime(headers["expires"])
            if expires.tzinfo is None:
                expires = expires.replace(tzinfo=UTC)
            return _clamp((expires - datetime.fromtimestamp(now, UTC)).total_seconds())
        except (ValueError, OverflowError):
            return default
    return default


def _clamp(seconds: float) -> float:
    return min(max(seconds, MIN_LIFETIME), MAX_LIFETIME)
