"""One small validator per claim, for JWTs and introspection answers alike.

RFC 7519 section 4, RFC 9068 sections 2.2 and 4, RFC 8725 section 3. Each takes the
claims and the issuer policy, raises the one error of its cause, and returns what it
found, so that nothing is looked up twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NamedTuple, TypeGuard

from .access_token import AccessToken, AccessTokenDraft, lookup
from .errors import (
    ExpiredToken,
    InvalidClaim,
    MalformedToken,
    TokenNotYetValid,
    UnconfirmedToken,
    excerpt,
)
from .issuers import IssuerPolicy
from .scopes import parse_scope, scope_tokens
from .strict_json import FrozenDict, StrictJsonError, freeze
from .token_kind import check_access_token

__all__ = [
    "CLAIM_CHECKS",
    "MAX_DATE",
    "ClaimFacts",
    "check_claims",
    "to_access_token",
]

Claims = dict[str, object]

MAX_DATE = 253402300799
"""Year 9999: later "dates" are somebody's arithmetic, and overflow other people's."""
_MAX_SUBJECT = 255
_LEGIBLE = re.compile(r"[^\x00-\x1F\x7F-\x9F]+")


def check_issuer(claims: Claims, policy: IssuerPolicy, now: float) -> None:
    """Demand ``iss`` exactly, code point by code point. RFC 9068 section 4."""
    del now
    if claims.get("iss") != policy.issuer:
        raise InvalidClaim(claim="iss", reason="mismatch", setting="ISSUER")


def check_required(claims: Claims, policy: IssuerPolicy, now: float) -> None:
    """Demand every claim of ``REQUIRED_CLAIMS``; null is not a value.

    ``azp|appid`` demands one of the two.
    """
    del now
    for names in policy.required_claims:
        for name in _alternatives(names):
            if lookup(claims, name) is not None:
                break
        else:
            raise InvalidClaim(claim=names, reason="missing", setting="REQUIRED_CLAIMS")


@cache
def _alternatives(names: str) -> tuple[str, ...]:
    return tuple(names.split("|"))


def _date(claims: Claims, name: str) -> float | None:
    """Return a NumericDate in seconds, None where absent. RFC 7519 section 2."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if type(value) is not int and type(value) is not float:
        # A bool is no number, whatever Python says.
        raise InvalidClaim(claim=name, reason="invalid")
    if not 0 <= value <= MAX_DATE:
        raise InvalidClaim(claim=name, reason="invalid")
    return value


def check_expiry(claims: Claims, policy: IssuerPolicy, now: float) -> float:
    """Demand ``exp``, and that now is before it plus the leeway. RFC 7519 4.1.4."""
    expires_at = _date(claims, "exp")
    if expires_at is None:
        raise InvalidClaim(claim="exp", reason="missing")
    if now >= expires_at + policy.leeway:
        raise ExpiredToken(claim="exp", reason="expired")
    return expires_at


def check_not_before(claims: Claims, policy: IssuerPolicy, now: float) -> float | None:
    """Refuse ``nbf`` and ``iat`` ahead of now plus leeway. RFC 7519 4.1.5, 4.1.6.

    Returns ``iat``.
    """
    not_before = _date(claims, "nbf")
    if not_before is not None and now < not_before - policy.leeway:
        raise TokenNotYetValid(claim="nbf", reason="future")
    issued_at = _date(claims, "iat")
    if issued_at is not None and now < issued_at - policy.leeway:
        raise TokenNotYetValid(claim="iat", reason="future")
    return issued_at


def check_age(claims: Claims, policy: IssuerPolicy, now: float) -> None:
    """Refuse tokens issued longer ago than ``MAX_TOKEN_AGE``, or without ``iat``."""
    if policy.max_token_age is None:
        return
    issued_at = _date(claims, "iat")
    if issued_at is None:
        raise InvalidClaim(claim="iat", reason="missing", setting="MAX_TOKEN_AGE")
    if now >= issued_at + policy.max_token_age + policy.leeway:
        raise ExpiredToken(claim="iat", reason="expired", setting="MAX_TOKEN_AGE")


def _is_texts(value: object) -> TypeGuard[list[str] | tuple[str, ...]]:
    return isinstance(value, list | tuple) and all(
        isinstance(item, str) for item in value
    )


def _audience(claims: Claims, policy: IssuerPolicy) -> tuple[str, ...] | None:
    for name in policy.audience_claims:
        value = lookup(claims, name)
        if value is None:
            continue
        if isinstance(value, str):
            return (value,)
        if _is_texts(value):
            return tuple(value)
        raise InvalidClaim(claim=name, reason="invalid", setting="AUDIENCE_CLAIMS")
    return None


def check_audience(claims: Claims, policy: IssuerPolicy, now: float) -> tuple[str, ...]:
    """Demand one of our audiences in the audience claim. RFC 7519 4.1.3, 9068 4.

    A string or an array of strings and nothing else; whole values, never prefixes.
    """
    del now
    audience = _audience(claims, policy)
    if audience is None:
        if policy.audience_optional:
            return ()
        raise InvalidClaim(
            claim=policy.audience_claims[0], reason="missing", setting="AUDIENCE_CLAIMS"
        )
    if policy.audience.isdisjoint(audience):
        raise InvalidClaim(
            excerpt(audience),
            claim=policy.audience_claims[0],
            reason="mismatch",
            setting="AUDIENCE",
        )
    return audience


def _text(claims: Claims, path: str, *, setting: str = "") -> str | None:
    value = lookup(claims, path)
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise InvalidClaim(claim=path, reason="invalid", setting=setting)
    return value


def _is_legible(text: str) -> bool:
    return bool(_LEGIBLE.fullmatch(text)) and not any(map(_is_bidi_control, text))


def _is_bidi_control(character: str) -> bool:
    return unicodedata.bidirectional(character) in _BIDI_CONTROLS or character in _MARKS


_BIDI_CONTROLS = frozenset(
    ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
)
_MARKS = frozenset("\u200e\u200f\u061c")


def _subject(claims: Claims, policy: IssuerPolicy) -> str | None:
    value = lookup(claims, policy.subject_claim)
    if value is None:
        return None
    if (
        not isinstance(value, str)
        or not value.strip()
        or len(value) > _MAX_SUBJECT
        or not ((value.isascii() and value.isprintable()) or _is_legible(value))
    ):
        # Blank, cut, or reordered subjects are how one account poses as another.
        raise InvalidClaim(
            claim=policy.subject_claim, reason="invalid", setting="SUBJECT_CLAIM"
        )
    return value


def _client_id(claims: Claims, policy: IssuerPolicy) -> str | None:
    for path in policy.client_id_claims:
        client_id = _text(claims, path, setting="CLIENT_ID_CLAIMS")
        if client_id is not None:
            return client_id
    return None


def check_principal(
    claims: Claims, policy: IssuerPolicy, now: float
) -> tuple[str | None, str | None]:
    """Demand a subject or a client: somebody must have been granted this token.

    A subject that ``SUBJECT_CLAIM`` puts elsewhere must be there: its absence marks no
    machine, it marks a token of another shape. Returns subject and client ID.
    """
    del now
    subject = _subject(claims, policy)
    if subject is None and not policy.subject_optional:
        client_id = None
    else:
        client_id = _client_id(claims, policy)
    if subject is None and client_id is None:
        raise InvalidClaim(
            claim=policy.subject_claim, reason="missing", setting="SUBJECT_CLAIM"
        )
    return subject, client_id


def _scopes(claims: Claims, policy: IssuerPolicy) -> frozenset[str]:
    for path in policy.scope_claims:
        value = lookup(claims, path)
        if value is None:
            continue
        if isinstance(value, str):
            return parse_scope(value)
        if _is_texts(value):
            return scope_tokens(value)
        if isinstance(value, dict):
            # An issuer that keeps user fields under "scope" grants no scopes by it.
            break
        raise InvalidClaim(claim=path, reason="invalid", setting="SCOPE_CLAIMS")
    return frozenset()


def check_scopes(claims: Claims, policy: IssuerPolicy, now: float) -> frozenset[str]:
    """Refuse a scope claim that is neither text, array of texts, object nor null."""
    del now
    scopes, grantable = _scopes(claims, policy), policy.grantable_scopes
    return scopes if grantable is None else scopes & grantable


def check_token_id(claims: Claims, policy: IssuerPolicy, now: float) -> str | None:
    """Refuse a ``jti`` that is no string. RFC 7519 section 4.1.7."""
    del policy, now
    return _text(claims, "jti")


def check_confirmation(claims: Claims, policy: IssuerPolicy, now: float) -> None:
    """Refuse every ``cnf``: nothing here can prove possession of its key. RFC 7800."""
    del policy, now
    if "cnf" in claims:
        raise UnconfirmedToken(claim="cnf")


CLAIM_CHECKS: tuple[Callable[[Claims, IssuerPolicy, float], Any], ...] = (
    check_issuer,
    check_required,
    check_access_token,
    check_audience,
    check_expiry,
    check_not_before,
    check_age,
    check_principal,
    check_scopes,
    check_token_id,
    check_confirmation,
)
"""Every claim check, in order; each ``(claims, policy, now)``, now in seconds."""


class ClaimFacts(NamedTuple):
    """What the checks found; ``principal`` is subject and client ID."""

    audience: tuple[str, ...]
    expires_at: float
    issued_at: float | None
    principal: tuple[str | None, str | None]
    scopes: frozenset[str]
    token_id: str | None


def check_claims(claims: Claims, policy: IssuerPolicy, now: float) -> ClaimFacts:
    """Run every claim check, in the order of ``CLAIM_CHECKS``; the first one raises."""
    check_issuer(claims, policy, now)
    check_required(claims, policy, now)
    check_access_token(claims, policy, now)
    audience = check_audience(claims, policy, now)
    expires_at = check_expiry(claims, policy, now)
    issued_at = check_not_before(claims, policy, now)
    check_age(claims, policy, now)
    principal = check_principal(claims, policy, now)
    scopes = check_scopes(claims, policy, now)
    token_id = check_token_id(claims, policy, now)
    check_confirmation(claims, policy, now)
    return ClaimFacts(audience, expires_at, issued_at, principal, scopes, token_id)


def _matches(value: object, pattern: object) -> bool:
    if isinstance(value, str) and isinstance(pattern, str):
        return fnmatchcase(value, pattern)
    return type(value) is type(pattern) and value == pattern


def _is_machine(
    claims: Claims, policy: IssuerPolicy, subject: str | None, client_id: str | None
) -> bool:
    if client_id is None:
        return False
    if subject is None or subject == client_id:
        return True
    return bool(policy.machine) and all(
        _matches(lookup(claims, path), pattern)
        for path, pattern in policy.machine.items()
    )


def to_access_token(
    claims: Claims, policy: IssuerPolicy, facts: ClaimFacts, *, validated_by: str
) -> AccessToken:
    """Return the access token of ``claims``; ``facts`` are from ``check_claims``.

    Raises:
        MalformedToken: claims nested deeper than 32 levels.
    """
    subject, client_id = facts.principal
    draft: Any = AccessTokenDraft(
        issuer=policy.issuer,
        issuer_alias=policy.alias,
        subject=subject,
        audience=facts.audience,
        client_id=client_id,
        scopes=facts.scopes,
        issued_at=facts.issued_at,
        expires_at=facts.expires_at,
        token_id=facts.token_id,
        claims=claims if type(claims) is FrozenDict else _frozen(claims),
        confirmation=None,
        validated_by=validated_by,
        is_machine=_is_machine(claims, policy, subject, client_id),
    )
    draft.__class__ = AccessToken
    access_token: AccessToken = draft
    return access_token


def _frozen(claims: Claims) -> FrozenDict:
    try:
        return freeze(claims)
    except StrictJsonError as error:
        raise MalformedToken(str(error), reason="json") from None
