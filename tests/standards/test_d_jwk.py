"""D: JSON Web Keys, as a consumer."""

from __future__ import annotations

import json
import math

import pytest

from django_oidc_rs.core.errors import AlgorithmNotAllowed, KeyUnusable
from django_oidc_rs.core.jwk import JwkSetError
from django_oidc_rs.testing.signing import encode
from tests.core.builders import ABSENT, key, key_set
from tests.core.faults.crafting import (
    ENC,
    MALLORY,
    hs256,
    mallory,
    named,
    private_jwk,
    published,
)
from tests.core.faults.issuers import SECRET
from tests.core.faults.records import Fault
from tests.core.keys.fakes import Network, Process, jwks

from .support import faults, refuse, requirement, rows

EC, RSA, ED = named("ES256", "x"), named("RS256", "x"), named("Ed25519", "x")


def number(value):
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def roca():
    """Return a modulus with the fingerprint of CVE-2017-15361."""
    primes = [n for n in range(3, 168) if all(n % d for d in range(2, n))]
    product = math.prod(primes)
    modulus = pow(65537, 999, product) + product * ((1 << 2047) // product + 1)
    return modulus if modulus % 2 else modulus + product


# How a published key differs from a good one, and the reason it is refused for.
KEYS = {
    "D44-unknown-kty": ({"kty": "XYZ", "kid": "x"}, "unsupported_key_type"),
    "D44-no-kty": ({"kid": "x"}, "unsupported_key_type"),
    "D44-no-object": ("x", "not_an_object"),
    "D44-no-modulus": ((RSA, {"n": ABSENT}), "invalid_coordinates"),
    "D44-number-for-text": ((EC, {"x": 5}), "invalid_coordinates"),
    "D46-enc": ((EC, {"use": "enc"}), "not_for_signatures"),
    "D47-encrypt": (
        (EC, {"use": ABSENT, "key_ops": ["encrypt"]}),
        "not_for_signatures",
    ),
    "D47-empty": ((EC, {"use": ABSENT, "key_ops": []}), "not_for_signatures"),
    "D47-twice": ((EC, {"key_ops": ["verify", "verify"]}), "invalid_key_ops"),
    "D47-text": ((EC, {"key_ops": "verify"}), "invalid_key_ops"),
    "D47-inconsistent": ((EC, {"key_ops": ["encrypt"]}), "not_for_signatures"),
    "D50-oct": ({"kty": "oct", "k": encode(SECRET)}, "symmetric_key"),
    **{
        f"D50-{name}": ((EC, {name: "AQAB"}), "private_key")
        for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")
    },
    "D51-off-the-curve": ((EC, {"y": encode(b"\1" * 32)}), "invalid_coordinates"),
    "D51-short": ((EC, {"x": encode(b"\1" * 31)}), "invalid_coordinates"),
    "D51-long": ((EC, {"x": encode(b"\0" + b"\1" * 32)}), "invalid_coordinates"),
    "D51-e-1": ((RSA, {"e": "AQ"}), "weak_key"),
    "D51-e-even": ((RSA, {"e": number(65536)}), "weak_key"),
    "D51-e-huge": ((RSA, {"e": number(2**64 + 1)}), "weak_key"),
    "D51-n-even": ((RSA, {"n": number(2**2048 - 2)}), "weak_key"),
    "D51-1024-bits": ((RSA, {"n": number(2**1024 - 1)}), "weak_key"),
    "D51-16384-bits": ((RSA, {"n": number(2**16384 - 1)}), "oversized_key"),
    "D51-ROCA": ((RSA, {"n": number(roca())}), "roca_key"),
    "D51-OKP-short": ((ED, {"x": encode(b"\5" * 31)}), "invalid_coordinates"),
    "D51-OKP-of-order-1": ((ED, {"x": encode(b"\1" + bytes(31))}), "weak_key"),
    "G85-off-the-curve": ((EC, {"y": encode(b"\1" * 32)}), "invalid_coordinates"),
    "G85-infinity": (
        (EC, {"x": encode(bytes(32)), "y": encode(bytes(32))}),
        "invalid_coordinates",
    ),
    "K142-private": ((EC, {"d": "AQAB"}), "private_key"),
    "K142-symmetric": ({"kty": "oct", "k": encode(SECRET)}, "symmetric_key"),
}


@rows("case", KEYS)
def test_a_bad_key_is_refused_and_the_others_serve(case):
    made, reason = case
    if isinstance(made, tuple):
        signer, members = made
        [made] = published(signer, **members)()
    keys = key_set(made, key().public_jwk())
    assert [refused.reason for refused in keys.refused] == [reason]
    assert [usable.key_id for usable in keys.keys] == ["k1"]


FAULTS = [
    Fault(
        "D46-enc",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=published(named(), ENC, use="enc"),
    ),
    Fault(
        "D47-encrypt",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=published(named(), ENC, use=ABSENT, key_ops=["encrypt"]),
    ),
    *(
        Fault(
            f"{id_}-{algorithm}",
            KeyUnusable,
            "kid",
            good_signer=named("RS256", "r1"),
            algorithm=algorithm,
        )
        for id_ in ("D48", "G77")
        for algorithm in ("RS384", "PS256")
    ),
    Fault(
        "D49-two-keys-of-one-name",
        KeyUnusable,
        "kid",
        signer=mallory("twin"),
        jwks=lambda: [
            key().public_jwk(),
            named("ES256", "twin")().public_jwk(),
            {**MALLORY().public_jwk(), "kid": "twin"},
        ],
    ),
    Fault(
        "D50-private",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=lambda: [key().public_jwk(), private_jwk(ENC())],
    ),
    Fault(
        "D50-oct-is-no-secret",
        AlgorithmNotAllowed,
        "alg",
        raw=hs256(SECRET, kid="h1"),
        jwks=lambda: [
            key().public_jwk(),
            {"kty": "oct", "kid": "h1", "alg": "HS256", "k": encode(SECRET)},
        ],
    ),
]


@faults(FAULTS)
def test_a_token_of_such_a_key_is_refused(fault):
    refuse(fault)


@requirement("D43")
def test_unknown_members_are_ignored():
    keys = key_set({**key().public_jwk(), "x-note": [1], "x5t": "x", "iat": 1})
    assert [usable.key_id for usable in keys.keys] == ["k1"]


@requirement("D49")
def test_equal_names_of_other_types_are_told_apart():
    ec, rsa = (named(name, "same")().public_jwk() for name in ("ES256", "RS256"))
    keys = key_set(ec, rsa)
    assert [found.key_type for found in keys.matching("same", "ES256")] == ["EC"]
    assert [found.key_type for found in keys.matching("same", "RS256")] == ["RSA"]


USELESS = {
    "D42-duplicate": jwks("b").replace(b'"kty"', b'"kid": "x", "kty"', 1),
    "D45-object": b'{"keys": {}}',
    "D45-missing": b"{}",
    "D45-array": b"[]",
    "D45-text": b'"x"',
    "D45-null": b'{"keys": null}',
}


@rows("body", USELESS)
def test_what_is_no_key_set_changes_nothing(body, clock):
    network = Network("a")
    process = Process(network, clock=clock)
    assert process.names() == ["a"]
    network.answer = body
    clock.advance(700)
    assert process.names() == ["a"]
    assert len(process.reports) == 2
    assert process.reports[-1] in {"not_json", "no_keys_array"}


@requirement("D50")
def test_private_members_are_not_stored(clock):
    network = Network()
    secret = {**named("ES256", "b")().public_jwk(), "d": "c2VjcmV0"}
    network.answer = json.dumps({"keys": [key().public_jwk(), secret]}).encode()
    process = Process(network, clock=clock)
    assert process.names() == ["k1"]
    [stored] = process.store._records.values()
    assert "c2VjcmV0" not in stored.jwks


@requirement("D45")
def test_a_set_without_usable_keys_is_none():
    with pytest.raises(JwkSetError):
        key_set({"kty": "XYZ"})
