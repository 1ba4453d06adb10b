"""Everything one trusted issuer may do, and what well-known issuers send, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .access_token import AccessToken

__all__ = [
    "DEFAULT_ALGORITHMS",
    "PROFILES",
    "IssuerPolicy",
    "KeyPolicy",
    "Validator",
]

Validator = Callable[[AccessToken], None]
"""A project's own rule: raises ``InvalidToken`` to refuse."""

DEFAULT_ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)


DATABASE = "database"
"""The key store of projects that name no cache for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPolicy:
    """How long keys live and how often they are fetched, in seconds.

    Attributes:
        default_age: lifetime of a JWK Set whose answer named none.
        cooldown: two fetches for unknown key IDs are allowed in this time.
        stale_if_error: how long past its lifetime a set serves while the issuer is
            down (RFC 5861); 0 is off.
        by_command: requests never fetch; ``sync_oidc_keys`` alone does.
        max_stale: how long a set serves that the command has stored.
        store: where processes share them: ``DATABASE``, or the name of a cache.
    """

    default_age: float = 600
    cooldown: float = 30
    stale_if_error: float = 86400
    by_command: bool = False
    max_stale: float = 604800
    store: str = DATABASE


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerPolicy:
    """The rules for one issuer's tokens; one field per setting of ``ISSUERS``.

    Security parameters (``issuer``, ``audience``, ``algorithms``) have no default.
    Times are seconds.
    """

    alias: str
    issuer: str
    audience: frozenset[str]
    algorithms: frozenset[str]
    audience_claims: tuple[str, ...] = ("aud",)
    token_types: frozenset[str] = frozenset(("at+jwt", "jwt", ""))
    required_claims: tuple[str, ...] = ("exp",)
    leeway: float = 30
    max_token_age: float | None = None
    subject_claim: str = "sub"
    scope_claims: tuple[str, ...] = ("scope", "scp")
    client_id_claims: tuple[str, ...] = ("client_id", "azp", "appid", "cid")
    grantable_scopes: frozenset[str] | None = None
    machine: Mapping[str, object] = field(default_factory=dict)
    allow_nonce: bool = False
    validators: tuple[Validator, ...] = ()
    metadata_url: str | None = None
    jwks_uri: str | None = None
    jwks: Mapping[str, object] | None = None
    shared_secret: bytes | None = field(default=None, repr=False)
    keys: KeyPolicy = field(default_factory=KeyPolicy)


PROFILES: Mapping[str, Mapping[str, object]] = {
    "default": {},
    # One algorithm per key type, so that a key without "alg" is pinned all the same.
    "rfc9068": {
        "TOKEN_TYPES": ["at+jwt"],
        "REQUIRED_CLAIMS": ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
        "CLIENT_ID_CLAIMS": ["client_id"],
        "SCOPE_CLAIMS": ["scope"],
        "ALGORITHMS": ["RS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
    },
    "auth0": {
        "TOKEN_TYPES": ["JWT", "at+jwt"],
        "SCOPE_CLAIMS": ["scope"],
        "CLIENT_ID_CLAIMS": ["azp", "client_id"],
        "MACHINE": {"gty": "client-credentials"},
    },
    # Service accounts always have "sub". Light-weight tokens of users may lack it, and
    # would pass for their client's own.
    "keycloak": {
        "TOKEN_TYPES": ["JWT", "at+jwt"],
        "REQUIRED_CLAIMS": ["exp", "sub"],
        "SCOPE_CLAIMS": ["scope"],
        "CLIENT_ID_CLAIMS": ["azp", "client_id"],
        "MACHINE": {"preferred_username": "service-account-*"},
    },
    # An ID token for the API's own registration differs by the missing client alone.
    "entra": {
        "TOKEN_TYPES": ["JWT", "at+jwt"],
        "SCOPE_CLAIMS": ["scp", "roles"],
        "CLIENT_ID_CLAIMS": ["azp", "appid"],
        "REQUIRED_CLAIMS": ["exp", "azp|appid"],
        "MACHINE": {"idtyp": "app"},
    },
    # B2C copies the request's nonce into access tokens; "scp" and "azp" are what its ID
    # tokens lack.
    "azure_b2c": {
        "TOKEN_TYPES": ["JWT", "at+jwt"],
        "SCOPE_CLAIMS": ["scp"],
        "CLIENT_ID_CLAIMS": ["azp"],
        "REQUIRED_CLAIMS": ["exp", "azp", "scp"],
        "ALLOW_NONCE": True,
    },
    "okta": {
        "TOKEN_TYPES": ["JWT", "at+jwt", None],
        "SCOPE_CLAIMS": ["scp"],
        "CLIENT_ID_CLAIMS": ["cid"],
    },
    # Cognito names the client where others name the audience; its ID tokens say so.
    "cognito": {
        "TOKEN_TYPES": ["JWT", "at+jwt", None],
        "SCOPE_CLAIMS": ["scope"],
        "CLIENT_ID_CLAIMS": ["client_id"],
        "AUDIENCE_CLAIMS": ["client_id"],
        "REQUIRED_CLAIMS": ["exp", "token_use", "client_id"],
    },
}
"""Named sets of issuer settings, by ``PROFILE``."""
