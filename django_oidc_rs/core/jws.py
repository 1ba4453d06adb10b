"""Strict compact JWS: split, decode once, header rules. RFC 7515 section 5.2.

Nothing here trusts anything: ``UnverifiedJws`` becomes facts only after its signature
and claims were checked. Key material and addresses in the header (``jwk``, ``jku``,
``x5c``, ``x5u``) are never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from .base64url import decode
from .errors import AlgorithmNotAllowed, MalformedToken, excerpt
from .strict_json import FrozenDict, StrictJsonError, loads_frozen

__all__ = ["KnownHeaders", "UnverifiedJws", "check_header", "parse_jws"]

_PARTS = 3
_MAX_KEY_ID = 1024
_MAX_HEADERS = 256
_MAX_HEADER = 1024
_Found = TypeVar("_Found")


class UnverifiedJws(NamedTuple):
    """One parsed token, of which nothing is verified yet.

    ``encoded_header`` is the text that ``header`` was parsed from.
    """

    header: FrozenDict
    unverified_claims: FrozenDict
    encoded_header: bytes
    signing_input: bytes
    signature: bytes

    def __repr__(self) -> str:
        """Return the header alone: error pages show what this gives."""
        return f"{type(self).__name__}(header={self.header!r})"


class KnownHeaders(dict[bytes, _Found]):
    """Encoded header -> what was found out about it; most tokens of a key share theirs.

    Few and short ones, and only of good tokens: no caller can fill it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Return how many; each of them is a part of somebody's token."""
        return f"<{type(self).__name__} {len(self)}>"

    def remember(self, encoded_header: bytes, found: _Found) -> None:
        """Keep ``found``; the token must have passed every check."""
        if len(encoded_header) > _MAX_HEADER:
            return
        if len(self) >= _MAX_HEADERS:
            # All of it: after a rotation of keys the old ones never come again.
            self.clear()
        self[encoded_header] = found


def parse_jws(
    raw_token: str, known_headers: Mapping[bytes, FrozenDict] = MappingProxyType({})
) -> UnverifiedJws:
    """Parse ``raw_token`` as a compact JWS of a JSON object.

    Args:
        raw_token: the token.
        known_headers: what this function made of encoded headers seen before; most
            tokens of an issuer share theirs.

    Raises:
        MalformedToken: not three parts (a JWE has five), an empty part, base64url that
            is not canonical, a header or payload that is no strict JSON object.
    """
    try:
        octets = raw_token.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedToken("not ASCII") from None
    # Splitting at most once too often keeps a million dots cheap.
    parts = octets.split(b".", _PARTS)
    if len(parts) != _PARTS:
        raise MalformedToken(
            "a JWT has three parts (opaque: see VALIDATION)", reason="parts"
        )
    if not all(parts):
        raise MalformedToken("an empty part", reason="parts")
    encoded_header = parts[0]
    header = known_headers.get(encoded_header)
    try:
        payload, signature = decode(parts[1]), decode(parts[2])
        if header is None:
            header = loads_frozen(decode(encoded_header))
        claims = loads_frozen(payload)
    except StrictJsonError as error:
        raise MalformedToken(str(error), reason="json") from None
    except ValueError:
        raise MalformedToken("not canonical base64url", reason="base64url") from None
    signing_input = octets[: -len(parts[2]) - 1]
    return UnverifiedJws(header, claims, encoded_header, signing_input, signature)


def check_header(
    header: dict[str, object], *, algorithms: frozenset[str]
) -> tuple[str, str | None]:
    """Return ``(alg, kid)`` of a header that this issuer may send.

    Raises:
        AlgorithmNotAllowed: ``alg`` is missing, no string or not in ``algorithms``.
        MalformedToken: ``crit`` or ``b64`` (RFC 7515 4.1.11, RFC 7797: no extension is
            understood here), ``cty`` (RFC 7519 5.2: a nested JWT), or a ``kid`` that is
            no string or longer than 1,024 characters.
    """
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str):
        raise AlgorithmNotAllowed(claim="alg", reason="invalid")
    if algorithm not in algorithms:
        raise AlgorithmNotAllowed(excerpt(algorithm), claim="alg", reason="mismatch")
    for name in ("crit", "b64", "cty"):
        if name in header:
            raise MalformedToken(claim=name, reason="not_understood")
    if "kid" in header and (not isinstance(key_id, str) or len(key_id) > _MAX_KEY_ID):
        raise MalformedToken(claim="kid", reason="invalid")
    return algorithm, key_id if isinstance(key_id, str) else None
