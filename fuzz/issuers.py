"""The resource server that is fuzzed: three issuers, as different as settings allow."""

from __future__ import annotations

from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, IssuerPolicy
from django_oidc_rs.core.jwk import parse_jwk_set, shared_secret_keys
from django_oidc_rs.core.jwt_validator import JwtValidator
from django_oidc_rs.core.keys import StaticKeys
from django_oidc_rs.core.resource_server import ResourceServer

from .keys import GOOD_JWKS, SECRET
from .oracle import AUDIENCE, LEEWAY, NOW

__all__ = ["CLAIMS", "HEADER", "ISSUER", "SERVER", "StoppedClock", "make_policy"]

ISSUER = "https://issuer.test"

HEADER: dict[str, object] = {"alg": "EdDSA", "kid": "ed", "typ": "at+jwt"}
"""The header of a token the default issuer may send."""
CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "sub": "alice",
    "aud": AUDIENCE,
    "iat": NOW - 10,
    "exp": NOW + 300,
    "jti": "t1",
    "client_id": "app",
    "scope": "read write",
}
"""Claims of it that every rule accepts."""


class StoppedClock:
    """It is always ``NOW``."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return float(NOW)

    def monotonic(self) -> float:
        """Return seconds since nobody knows when."""
        return float(NOW)


def make_policy(alias: str, issuer: str, **fields: object) -> IssuerPolicy:
    """Return a policy with ``fields`` in place of the defaults."""
    given: dict[str, object] = {
        "alias": alias,
        "issuer": issuer,
        "audience": frozenset((AUDIENCE,)),
        "algorithms": frozenset(DEFAULT_ALGORITHMS),
        "leeway": LEEWAY,
    }
    return IssuerPolicy(**{**given, **fields})  # type: ignore[arg-type]


_PUBLISHED = StaticKeys(parse_jwk_set(GOOD_JWKS, algorithms=DEFAULT_ALGORITHMS))
_VALIDATORS = (
    JwtValidator(make_policy("default", ISSUER), keys=_PUBLISHED, clock=StoppedClock()),
    JwtValidator(
        make_policy(
            "strict",
            "https://strict.test",
            token_types=frozenset(("at+jwt",)),
            required_claims=("exp", "iat", "jti", "azp|appid"),
            max_token_age=3600,
            grantable_scopes=frozenset(("read",)),
            machine={"realm.kind": "service-*", "level": 3},
        ),
        keys=_PUBLISHED,
        clock=StoppedClock(),
    ),
    JwtValidator(
        make_policy(
            "secret",
            "https://secret.test",
            algorithms=frozenset(("HS256",)),
            shared_secret=SECRET,
            audience_claims=("resource.id", "aud"),
            subject_claim="user.id",
            scope_claims=("https://secret.test/scopes", "scope"),
            client_id_claims=("client.id", "azp"),
            allow_nonce=True,
        ),
        keys=StaticKeys(shared_secret_keys(SECRET)),
        clock=StoppedClock(),
    ),
)

SERVER = ResourceServer(
    {validator.policy.issuer: validator for validator in _VALIDATORS},
    max_token_length=4096,
)
