"""What to do about an access token that is refused: advice for whoever runs the API."""

from __future__ import annotations

from datetime import UTC, datetime

from .. import wiring
from ..conf import get_config
from ..core.access_token import lookup
from ..core.errors import (
    ExpiredToken,
    InactiveToken,
    InvalidClaim,
    MalformedToken,
    NotAnAccessToken,
    ResourceServerError,
    TokenNotYetValid,
    UnknownKey,
)
from ..core.explain import Explanation
from ..core.issuers import IssuerPolicy
from ..core.jws import parse_jws

__all__ = ["advice"]

_OPAQUE = (
    "An opaque token: its issuer keeps the facts to itself. Let it be asked, with "
    'VALIDATION "auto" and INTROSPECTION; or have the client request a JWT access '
    "token for this API; with Auth0, that is an authorization request with audience=."
)
_NOT_FOR_APIS = (
    "This looks like an ID token: it tells the client who signed in, and opens no API. "
    "Have the client send the access token; loosen no setting for it."
)
_ENCRYPTED = "An encrypted token (JWE): have the issuer sign tokens, not encrypt them."
_UNKNOWN_KEY = (
    "The issuer published no such key when it was asked last. If the key is new, run "
    "manage.py sync_oidc_keys; a running server fetches by itself, but only twice in "
    "COOLDOWN. If it stays unknown, another issuer or environment signed this token."
)
_NOT_STORED = (
    "The key is not among the stored ones. Run manage.py sync_oidc_keys: with REFRESH "
    '"command" nothing else fetches keys. If it stays unknown, another issuer or '
    "environment signed this token."
)
_NONE_STORED = (
    "No stored keys can be used, which says nothing about the token. Run manage.py "
    'sync_oidc_keys: with REFRESH "command" nothing else fetches keys; '
    "check_oidc_issuers says what is wrong with the stored ones."
)
_INACTIVE = (
    "The issuer says so when asked: the token is revoked, expired, of another issuer, "
    "or made up. Have the client get a new one."
)
_NO_DATABASE = (
    "The token is good, but requests cannot look its user up and answer 500. Run "
    "manage.py migrate, or bring the database up."
)
_FETCH_ANEW = (
    "Have the client get a new one; a greater LEEWAY is for clocks that differ."
)
_IN_LINES = "There is white space inside: it was pasted from several lines. Join them."
_CUT = "Is it whole? Copying may have cut it, or shown it shortened."
_ANSWER = "What the issuer answers goes over what the token says, and fails the checks."
_NO_AUDIENCE = (
    "The token names no audience. Have the client ask for one (resource=; with Auth0 "
    "audience=), or the issuer write one (Keycloak: an audience mapper)."
)
_OUTAGE = "That says nothing about the token. Run manage.py check_oidc_issuers."
# Settings whose value helps to understand a refusal, and is no secret.
_TELLING = (
    *("ALGORITHMS", "AUDIENCE", "AUDIENCE_CLAIMS", "CLIENT_ID_CLAIMS", "JWKS_URI"),
    *("LEEWAY", "MAX_TOKEN_AGE", "REQUIRED_CLAIMS", "SCOPE_CLAIMS", "SUBJECT_CLAIM"),
    "TOKEN_TYPES",
)


def advice(explanation: Explanation, raw_token: str) -> list[str]:
    """Return what to do, a sentence or two each; nothing where all is well."""
    error = explanation.error
    if error is None:
        return _of_a_good_token(explanation)
    if isinstance(error, MalformedToken):
        return [_of_a_malformed_token(explanation, raw_token)]
    policy = _policy(explanation.issuer_alias)
    by_command = policy is not None and policy.keys.by_command
    if error.status >= 500:
        return [_NONE_STORED if by_command else _OUTAGE]
    if isinstance(error, UnknownKey) and policy is not None and policy.jwks is None:
        return [_NOT_STORED if by_command else _UNKNOWN_KEY]
    if isinstance(error, InactiveToken):
        return [_INACTIVE]
    if isinstance(error, NotAnAccessToken) and error.reason == "id_token":
        return [_NOT_FOR_APIS]
    return [
        *_times(error, raw_token),
        *_no_audience(error),
        *_slash(error, raw_token, policy),
        *_in_settings(error, policy),
    ]


def _of_a_good_token(explanation: Explanation) -> list[str]:
    """Say what spoils it: the database, or the issuer when asked."""
    if explanation.steps[-1].outcome == "failed":
        return [_NO_DATABASE]
    asked = explanation.asked_error
    if asked is None:
        return []
    if asked.status >= 500:
        return [_OUTAGE]
    return [_INACTIVE if isinstance(asked, InactiveToken) else _ANSWER]


def _of_a_malformed_token(explanation: Explanation, raw_token: str) -> str:
    if len(raw_token.split()) > 1:
        return _IN_LINES
    dots = raw_token.count(".")
    if dots == 4:
        return _ENCRYPTED
    asked = any(step.name == "introspection" for step in explanation.steps)
    return _CUT if dots == 2 or asked else _OPAQUE


def _policy(alias: str | None) -> IssuerPolicy | None:
    return next((each for each in get_config().issuers if each.alias == alias), None)


def _times(error: ResourceServerError, raw_token: str) -> list[str]:
    """Say what time the token means, and what time it is here."""
    if not isinstance(error, ExpiredToken | TokenNotYetValid):
        return []
    try:
        value = parse_jws(raw_token).unverified_claims.get(error.claim or "")
    except MalformedToken:
        # An opaque token: the issuer told the time, and it is gone.
        return []
    if type(value) not in (int, float):
        return []
    now = wiring.get_seams().clock.now()
    told = f"{error.claim} is {_utc(float(str(value)))}, now is {_utc(now)}."
    return [told, _FETCH_ANEW] if isinstance(error, ExpiredToken) else [told]


def _no_audience(error: ResourceServerError) -> list[str]:
    missing = isinstance(error, InvalidClaim) and error.reason == "missing"
    return [_NO_AUDIENCE] if missing and error.setting == "AUDIENCE_CLAIMS" else []


def _slash(
    error: ResourceServerError, raw_token: str, policy: IssuerPolicy | None
) -> list[str]:
    """Say so where a claim and its setting differ by a slash at the end alone."""
    try:
        claims = parse_jws(raw_token).unverified_claims
    except MalformedToken:
        # An opaque token: its issuer told the claims, and they are gone.
        return []
    if error.setting == "ISSUER":
        settings = [
            (each.alias, frozenset((each.issuer,))) for each in get_config().issuers
        ]
    elif error.setting == "AUDIENCE" and policy is not None:
        settings = [(policy.alias, policy.audience)]
    else:
        return []
    values = _texts(lookup(claims, error.claim or ""))
    return [
        f"{error.claim} and {error.setting} of {alias} differ by a slash at the end."
        for alias, expected in settings
        if values & {each.rstrip("/") for each in expected}
    ]


def _texts(value: object) -> set[str]:
    """Return the texts of a claim, without slashes at their ends."""
    found = value if isinstance(value, list | tuple) else [value]
    return {each.rstrip("/") for each in found if isinstance(each, str)}


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _in_settings(error: ResourceServerError, policy: IssuerPolicy | None) -> list[str]:
    if error.setting == "ISSUER":
        return [f"In settings: ISSUER {each.issuer}" for each in get_config().issuers]
    if policy is None or error.setting not in _TELLING:
        return []
    value = getattr(policy, error.setting.lower())
    if value is None:
        # Found by discovery: there is no value to compare.
        return []
    if isinstance(value, frozenset | tuple):
        value = ", ".join(sorted(each or "(none)" for each in value))
    return [f"In settings of {policy.alias}: {error.setting} {value}"]
