"""X: fully-specified and post-quantum algorithms."""

from __future__ import annotations

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import AlgorithmNotAllowed, KeyUnusable
from django_oidc_rs.core.jwk import ASYMMETRIC_ALGORITHMS, SYMMETRIC_ALGORITHMS
from tests.core.builders import (
    ABSENT,
    FakeKeys,
    header,
    key,
    key_set,
    policy,
    server,
    sign,
    validator,
)
from tests.core.faults.crafting import named, published
from tests.core.faults.records import Fault
from tests.settings_faults import issuer as issuer_settings

from .support import faults, refuse, requirement, rows

ALL = frozenset(("EdDSA", "Ed25519", "Ed448", "ES256"))


def validate(signer, algorithm, **members):
    """Validate a token signed with ``algorithm`` under a key with these members."""
    jwk = {**signer.public_jwk(), **members}
    keys = FakeKeys(key_set(jwk, algorithms=ALL))
    ours = server(validator(policy(algorithms=ALL), keys))
    return ours.validate(
        sign(header_=header(alg=algorithm), signer=signer, algorithm=algorithm)
    )


@pytest.mark.parametrize("name", ["Ed25519", "Ed448"])
@requirement("X262")
def test_each_name_goes_with_its_curve(name):
    assert validate(named(name)(), name)
    other = {"Ed25519": "Ed448", "Ed448": "Ed25519"}[name]
    with pytest.raises(KeyUnusable):
        validate(named(other)(), name, alg=None)


@requirement("X262")
def test_eddsa_means_one_curve_and_must_be_listed():
    assert validate(named("EdDSA")(), "EdDSA")
    with pytest.raises(KeyUnusable):
        validate(named("Ed448")(), "EdDSA", alg=None)
    keys = FakeKeys(key_set(named("EdDSA")().public_jwk(), algorithms=ALL))
    ours = server(validator(policy(algorithms=frozenset(("Ed25519",))), keys))
    with pytest.raises(AlgorithmNotAllowed):
        ours.validate(sign(header_=header(alg="EdDSA"), signer=named("EdDSA")()))


@pytest.mark.parametrize("of_key", ["EdDSA", "Ed25519", None])
@pytest.mark.parametrize("of_token", ["EdDSA", "Ed25519"])
@requirement("X263")
def test_both_names_of_ed25519_are_the_same(of_key, of_token):
    assert validate(named("Ed25519")(), of_token, alg=of_key)


@faults(
    Fault(f"X{number}-{name}", AlgorithmNotAllowed, "alg", header={"alg": name})
    for number in (265, 266)
    for name in ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
)
def test_ml_dsa_is_refused(fault):
    refuse(fault)


@rows(
    "members",
    {
        "X265-complete": {"alg": "ML-DSA-44", "pub": "AQAB"},
        "X265-no-alg": {"pub": "AQAB"},
        "X268-private": {"alg": "ML-DSA-44", "pub": "AQAB", "priv": "AQAB"},
    },
)
def test_its_keys_are_skipped(members):
    keys = key_set({"kty": "AKP", "kid": "pq", **members}, key().public_jwk())
    assert [usable.key_id for usable in keys.keys] == ["k1"]
    assert len(keys.refused) == 1
    assert keys.refused[0].alarming is ("priv" in members)


@pytest.mark.parametrize("name", ["none", "RSA1_5", "None", "HS1", "RS1"])
@requirement("X270")
def test_deprecated_algorithms_cannot_be_offered(name):
    assert name not in ASYMMETRIC_ALGORITHMS | SYMMETRIC_ALGORITHMS.keys()
    _, problems = parse(issuer_settings(ALGORITHMS=[name, "RS256"]))
    assert [problem.id for problem in problems] == ["E009"]


@requirement("X270")
def test_a_key_for_such_an_algorithm_is_skipped():
    [jwk] = published(named("RS256", "x"), alg="RSA1_5", use=ABSENT)()
    keys = key_set(jwk, key().public_jwk())
    assert [refused.reason for refused in keys.refused] == [
        "algorithm_does_not_fit_key"
    ]
