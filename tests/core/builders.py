"""Tokens, keys and servers for the tests of the core, without Django's settings.

``ABSENT`` leaves a claim or header parameter out; None is JSON's null.
"""

from __future__ import annotations

import functools
import json

from hypothesis import HealthCheck, settings

from django_oidc_rs.core.claims import check_claims, to_access_token
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, IssuerPolicy
from django_oidc_rs.core.jwk import parse_jwk_set
from django_oidc_rs.core.jwt_validator import JwtValidator
from django_oidc_rs.core.keys import KeySnapshot
from django_oidc_rs.core.resource_server import ResourceServer
from django_oidc_rs.testing.signing import SigningKey

NOW = 1_800_000_000
ISSUER = "https://issuer.test"
AUDIENCE = "https://api.test"
ABSENT = object()
MAX_TOKEN_LENGTH = 16384


class StoppedClock:
    """A clock that always tells ``NOW``."""

    def now(self):
        return float(NOW)

    def monotonic(self):
        return float(NOW)


class FakeKeys:
    """A key source that counts how often newer keys were asked for.

    ``newer`` is what asking gives; by default there is nothing newer.
    """

    def __init__(self, keys, newer=None):
        self.keys = keys
        self.newer = newer
        self.asked = 0

    def snapshot(self, *, wait):
        return KeySnapshot(keys=self.keys)

    def snapshot_with(self, wanted, *, wait):
        self.asked += 1
        if self.newer is not None:
            self.keys = self.newer
        return KeySnapshot(keys=self.keys)


@functools.cache
def _key(algorithm, key_id):
    return SigningKey(algorithm, key_id=key_id)


def key(algorithm="ES256", key_id="k1"):
    """Return a signing key, the same one for the same arguments."""
    return _key(algorithm, key_id)


def key_set(*jwks, algorithms=DEFAULT_ALGORITHMS):
    """Return the verification keys of ``jwks``; by default the public key ``k1``."""
    document = {"keys": list(jwks) or [key().public_jwk()]}
    return parse_jwk_set(document, algorithms=algorithms)


def policy(**fields):
    """Return an issuer policy; ``fields`` overrides single fields."""
    return IssuerPolicy(
        **{
            "alias": "default",
            "issuer": ISSUER,
            "audience": frozenset((AUDIENCE,)),
            "algorithms": frozenset(DEFAULT_ALGORITHMS),
            **fields,
        }
    )


def edited(members, edits):
    """Return ``members`` with ``edits`` made."""
    made = {**members, **edits}
    return {name: value for name, value in made.items() if value is not ABSENT}


def claims(**edits):
    """Return claims that ``policy()`` accepts, with ``edits`` made."""
    made = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": AUDIENCE,
        "iat": NOW - 10,
        "exp": NOW + 300,
        "jti": "t1",
        "client_id": "app",
        "scope": "read write",
    }
    return edited(made, edits)


def accepted(claims_, issuer_policy=None):
    """Return the access token of claims that pass every check."""
    issuer_policy = issuer_policy or policy()
    facts = check_claims(claims_, issuer_policy, NOW)
    return to_access_token(claims_, issuer_policy, facts, validated_by="jwt")


def header(**edits):
    """Return the header of a good token, with ``edits`` made."""
    return edited({"alg": "ES256", "kid": "k1", "typ": "at+jwt"}, edits)


def sign(claims_=None, header_=None, *, signer=None, algorithm=None):
    """Return a raw token; claims and header may be dicts or bytes."""
    signer = signer or key()
    body = claims() if claims_ is None else claims_
    return signer.sign(
        # Lone surrogates must survive, as escapes, to reach our parser.
        body if isinstance(body, bytes) else json.dumps(body).encode(),
        header() if header_ is None else header_,
        algorithm=algorithm,
    )


def validator(issuer_policy=None, keys=None):
    """Return the validator of one issuer."""
    return JwtValidator(
        issuer_policy or policy(),
        keys=keys or FakeKeys(key_set()),
        clock=StoppedClock(),
    )


def server(*validators, cache=None, max_token_length=MAX_TOKEN_LENGTH):
    """Return a resource server; by default one that trusts the default issuer."""
    return ResourceServer(
        {each.policy.issuer: each for each in validators or (validator(),)},
        cache=cache,
        max_token_length=max_token_length,
    )


def examples(number):
    """Return the settings of a property test: bounded, and never a matter of time."""
    return settings(
        max_examples=number,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
