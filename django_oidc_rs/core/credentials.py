"""The Authorization header, strictly. RFC 6750 section 2.1, RFC 9110 section 11.

The header is the only place a token is read from: tokens in queries leak into logs
and histories, tokens in bodies invite cross-site requests.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import NamedTuple

from .errors import InvalidRequest, MalformedToken, TokenTooLong

__all__ = ["Credentials", "parse_authorization"]

# The scheme ends where visible ASCII does: "Bearer\x0bT" is ours, and malformed.
_OURS = re.compile(r"[ \t]*(?:bearer|dpop)(?![\x21-\x7E])", re.IGNORECASE)
_BEARER = re.compile(r"[ \t]*bearer(?![\x21-\x7E])", re.IGNORECASE)
_PREFIX = "Bearer "
_ONE_RUN = re.compile(r"[\x21-\x7E]+")
_UNPADDED = (ascii_letters + digits + "-._~+/").encode()
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


class Credentials(NamedTuple):
    """What the request carried: the scheme and, hidden from ``repr``, the raw token."""

    scheme: str
    raw_token: str

    def __repr__(self) -> str:
        """Return the scheme alone: error pages show what this gives."""
        return f"{type(self).__name__}(scheme={self.scheme!r})"


def parse_authorization(
    value: str | None, *, max_token_length: int
) -> Credentials | None:
    """Parse the value of the Authorization header.

    Returns None for no credentials and for another scheme, which another authenticator
    may know.

    Raises:
        InvalidRequest: bearer credentials that are malformed or given twice.
        InvalidToken: a token longer than ``max_token_length`` characters, or with
            characters outside ``b64token``.
    """
    if not value:
        return None
    if value.startswith(_PREFIX) and value.isascii():
        # What most requests carry, told from the rest in one step.
        raw_token = value[7:]
        if (
            raw_token
            and len(raw_token) <= max_token_length
            and not raw_token.encode().translate(None, _UNPADDED)
        ):
            return Credentials("Bearer", raw_token)
    # Servers join repeated headers: "Basic x, Bearer y" is two credentials.
    if "," in value and any(map(_OURS.match, value.split(","))):
        raise InvalidRequest("several credentials")
    if not _BEARER.match(value):
        return None
    if value[:7].lower() != _PREFIX.lower():
        raise InvalidRequest("one space must follow the scheme")
    raw_token = value[7:]
    if len(raw_token) > max_token_length:
        raise TokenTooLong
    if not _ONE_RUN.fullmatch(raw_token):
        raise InvalidRequest("one token of visible ASCII must follow the scheme")
    if not _B64TOKEN.fullmatch(raw_token):
        raise MalformedToken("characters outside b64token")
    return Credentials(scheme="Bearer", raw_token=raw_token)
