"""Is it an access token at all? RFC 8725 sections 3.11 and 3.12, RFC 9068 section 4.

An issuer signs ID, refresh, logout and introspection tokens with the same key, some of
them for the same audience. None of them may open an API.
"""

from __future__ import annotations

import re

from .errors import NotAnAccessToken, excerpt
from .issuers import IssuerPolicy

__all__ = ["check_access_token", "check_token_type"]

Claims = dict[str, object]

_ID_TOKEN_CLAIMS = ("at_hash", "c_hash", "s_hash")
_OTHER_TOKEN_CLAIMS = ("events", "token_introspection")
# Claims whose only meaning is the kind of token: known good words alone.
_KIND_CLAIMS = ("typ", "token_use")
_ACCESS_TOKEN_KINDS = frozenset(("bearer", "jwt", "at", "access"))
# Claims an API may use for its own purposes too: known bad words alone.
_LOOSE_KIND_CLAIMS = ("type", "token_type")
# Most access tokens have none of them.
_TELLING = frozenset(
    (
        *_ID_TOKEN_CLAIMS,
        *_OTHER_TOKEN_CLAIMS,
        *_KIND_CLAIMS,
        *_LOOSE_KIND_CLAIMS,
        "nonce",
    )
)
_OTHER_KINDS = frozenset(
    (
        *("id", "refresh", "offline", "logout", "introspection", "tokenintrospection"),
        *("secevent", "dpop", "userinfo", "statuslist", "code", "session"),
    )
)


def check_token_type(header: Claims, policy: IssuerPolicy) -> None:
    """Refuse ``typ`` headers of other kinds of JWT. RFC 9068 section 4, 8725 3.11.

    Compared case-insensitively, with or without ``application/`` (RFC 7515 4.1.9).
    """
    token_type = header.get("typ", "")
    if not isinstance(token_type, str):
        raise NotAnAccessToken(claim="typ", reason="invalid", setting="TOKEN_TYPES")
    kind = token_type.lower().removeprefix("application/")
    if "typ" in header and not kind:
        # An empty type is not an absent one.
        raise NotAnAccessToken(claim="typ", reason="invalid", setting="TOKEN_TYPES")
    if kind not in policy.token_types:
        raise NotAnAccessToken(
            excerpt(token_type), claim="typ", reason="mismatch", setting="TOKEN_TYPES"
        )


def check_access_token(claims: Claims, policy: IssuerPolicy, now: float) -> None:
    """Refuse ID, refresh, logout and introspection tokens. RFC 8725 section 3.12.

    Some issuers give all of them the same ``typ``, key and audience; only claims tell.
    """
    del now
    if not _TELLING.isdisjoint(claims):
        _check_kind(claims, policy)


def _check_kind(claims: Claims, policy: IssuerPolicy) -> None:
    for name in _ID_TOKEN_CLAIMS:
        if name in claims:
            raise NotAnAccessToken(claim=name, reason="id_token")
    if "nonce" in claims and not policy.allow_nonce:
        raise NotAnAccessToken(claim="nonce", reason="id_token", setting="ALLOW_NONCE")
    for name in _OTHER_TOKEN_CLAIMS:
        if name in claims:
            raise NotAnAccessToken(claim=name, reason="other_token")
    for name in _KIND_CLAIMS:
        if name in claims and _kind(claims[name]) not in _ACCESS_TOKEN_KINDS:
            raise NotAnAccessToken(claim=name, reason="other_token")
    for name in _LOOSE_KIND_CLAIMS:
        if name in claims and _kind(claims[name]) in _OTHER_KINDS:
            raise NotAnAccessToken(claim=name, reason="other_token")


def _kind(value: object) -> str:
    """Reduce ``Refresh_Token`` to ``refresh`` and ``at+jwt`` to ``at``.

    Of a URN (RFC 8693 section 3) the last part counts.
    """
    if not isinstance(value, str):
        return ""
    word = re.sub(r"[^a-z]", "", value.lower().rpartition(":")[2])
    return word.removesuffix("jwt").removesuffix("token") or word
