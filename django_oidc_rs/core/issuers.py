"""Everything one trusted issuer may do, and what well-known issuers send, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .access_token import AccessToken
from .client_authentication import ClientCredentials

__all__ = [
    "DEFAULT_ALGORITHMS",
    "PROFILES",
    "IntrospectionPolicy",
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
class IntrospectionPolicy:
    """How one issuer is asked about a token. RFC 7662.

    Attributes:
        credentials: with which this resource server authenticates.
        endpoint: the URL; None takes it from the issuer's metadata.
        cache_seconds: how long an answer serves; 0 asks every time.
        signed_responses: whether answers must be signed (RFC 9701).
        audience_optional: whether an answer without audience is for this API.
        opaque_tokens: whether tokens that name no issuer are asked for here.
    """

    credentials: ClientCredentials
    endpoint: str | None = None
    cache_seconds: float = 0
    signed_responses: bool = False
    audience_optional: bool = False
    opaque_tokens: bool = False


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
    validation: str = "local"
    introspection: IntrospectionPolicy | None = None
    # Never for a JWT: set where an introspection answer without them is judged.
    audience_optional: bool = False
    username_optional: bool = False

    @property
    def subject_optional(self) -> bool:
        """Whether a token without subject may stand for its client.

        One that ``SUBJECT_CLAIM`` puts elsewhere must be there: its absence marks no
        machine, it marks a token of another shape. But an introspection answer has a
        ``username`` for users alone: RFC 7662 section 2.2.
        """
        return self.subject_claim == "sub" or self.username_optional

    @property
    def takes_opaque_tokens(self) -> bool:
        """Whether the issuer is asked about tokens that do not say whose they are."""
        return self.introspection is not None and self.introspection.opaque_tokens

    @property
    def uses_keys(self) -> bool:
        """Whether anything of this issuer is verified with its keys."""
        asked = self.introspection
        return self.validation != "introspection" or (
            asked is not None and asked.signed_responses
        )

    @property
    def fetches_keys(self) -> bool:
        """Whether those keys are published, and not written in settings."""
        return self.uses_keys and self.jwks is None and self.shared_secret is None


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
