"""Strict compact JWS: split, decode once, header rules. RFC 7515 section 5.2.

Nothing here trusts anything: ``UnverifiedJws`` becomes facts only after its signature
and claims were checked. Key material and addresses in the header (``jwk``, ``jku``,
``x5c``, ``x5u``) are never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import base64url
from .errors import AlgorithmNotAllowed, MalformedToken, excerpt
from .strict_json import StrictJsonError, loads_object

__all__ = ["UnverifiedJws", "check_header", "parse_jws"]

_PARTS = 3
_MAX_KEY_ID = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedJws:
    """One parsed token, of which nothing is verified yet."""

    header: dict[str, object]
    unverified_claims: dict[str, object] = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_jws(raw_token: str) -> UnverifiedJws:
    """Parse ``raw_token`` as a compact JWS of a JSON object.

    Raises:
        MalformedToken: not three parts (a JWE has five), an empty part, base64url that
            is not canonical, a header or payload that is no strict JSON object.
    """
    try:
        # Splitting at most once too often keeps a million dots cheap.
        parts = raw_token.encode("ascii").split(b".", _PARTS)
    except UnicodeEncodeError:
        raise MalformedToken("not ASCII") from None
    if len(parts) != _PARTS:
        raise MalformedToken("a JWT has three parts", reason="parts")
    if not all(parts):
        raise MalformedToken("an empty part", reason="parts")
    try:
        header, payload, signature = map(base64url.decode, parts)
    except ValueError:
        raise MalformedToken("not canonical base64url", reason="base64url") from None
    try:
        return UnverifiedJws(
            header=loads_object(header),
            unverified_claims=loads_object(payload),
            signing_input=parts[0] + b"." + parts[1],
            signature=signature,
        )
    except StrictJsonError as error:
        raise MalformedToken(str(error), reason="json") from None


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
