"""What an accepted token must be at the least, told without the library's code."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from django_oidc_rs.core.access_token import AccessToken

from .harness import Finding
from .keys import is_signed

__all__ = ["AUDIENCE", "LEEWAY", "NOW", "demand", "demand_good"]

NOW = 1_800_000_000
"""The time at every issuer that is fuzzed, in seconds since the epoch."""
LEEWAY = 30
AUDIENCE = "https://api.test"

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_NEVER = ("cnf", "at_hash", "c_hash", "s_hash", "events", "token_introspection")
_TYPES = {"at+jwt", "application/at+jwt", "jwt", "application/jwt"}


def demand(truth: object, what: str) -> None:
    """Call it a finding where ``what`` does not hold."""
    if not truth:
        raise Finding(what)


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _members(part: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        demand(len(dict(pairs)) == len(pairs), "accepted: a member stands twice")
        return dict(pairs)

    members: dict[str, Any] = json.loads(_decode(part), object_pairs_hook=unique)
    return members


def _text(claims: dict[str, Any]) -> bytes:
    """Return the one spelling of ``claims``; no infinity and lone surrogate has one."""
    try:
        return json.dumps(
            claims, sort_keys=True, ensure_ascii=False, allow_nan=False
        ).encode()
    except ValueError as error:
        raise Finding(f"accepted: claims that are no JSON: {error}") from None


def demand_good(raw_token: str, access_token: AccessToken) -> None:
    """Call it a finding if this token should never have been accepted."""
    demand(_COMPACT.fullmatch(raw_token), "accepted: no compact JWS")
    header_part, claims_part, signature = raw_token.split(".")
    header, claims = _members(header_part), _members(claims_part)
    signing_input = f"{header_part}.{claims_part}".encode()
    demand(
        is_signed(header["alg"], signing_input, _decode(signature)),
        "accepted: not signed by a key of ours",
    )
    demand(header.keys().isdisjoint(("crit", "b64", "cty")), "accepted: crit")
    demand(str(header.get("typ", "jwt")).lower() in _TYPES, "accepted: another typ")
    demand(claims["iss"] == access_token.issuer, "accepted: another issuer")
    demand(claims.keys().isdisjoint(_NEVER), "accepted: another kind of token")
    audience = access_token.audience
    demand(AUDIENCE in audience, "accepted: for another audience")
    demand(all(type(each) is str for each in audience), "accepted: odd audience")
    demand(claims["exp"] + LEEWAY > NOW, "accepted: expired")
    for name in ("nbf", "iat"):
        demand(claims.get(name, 0) <= NOW + LEEWAY, f"accepted: {name} ahead")
    for name in ("exp", "nbf", "iat"):
        demand(type(claims.get(name, 0)) in {int, float}, f"accepted: odd {name}")
    demand(access_token.subject or access_token.client_id, "accepted: nobody's token")
    demand(
        _text(access_token.claims) == _text(claims),
        "accepted: other claims than were signed",
    )
    demand(
        all(re.fullmatch(r"[!#-\[\]-~]+", scope) for scope in access_token.scopes),
        "accepted: a scope that is no scope-token",
    )
