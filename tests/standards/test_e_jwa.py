"""E: algorithms."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives import hashes

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    KeyUnusable,
    MalformedToken,
)
from django_oidc_rs.core.jwk import ASYMMETRIC_ALGORITHMS, shared_secret_keys
from tests.core.builders import ABSENT, key, key_set
from tests.core.faults.crafting import (
    RSA,
    N,
    as_der,
    hs256,
    named,
    part,
    pss,
    public_bytes,
    published,
    r_and_s,
    resigned,
)
from tests.core.faults.records import Fault
from tests.settings_faults import issuer as issuer_settings

from .support import faults, refuse, renumbered, requirement, rows
from .test_d_jwk import number

SIZES = {"ES256": 64, "ES384": 96, "ES512": 132}


def of_length(length):
    return lambda octets: (octets + bytes(length))[:length]


FAULTS = [
    *(
        Fault(
            f"E55-{name}-{length}-octets",
            BadSignature,
            good_signer=named(name, "e1"),
            mangle=resigned(of_length(length)),
        )
        for name, size in SIZES.items()
        for length in (size - 1, size + 1, size + 2, 2 * size, 1)
    ),
    Fault("E55-DER", BadSignature, mangle=resigned(as_der)),
    Fault("E55-leading-zero", BadSignature, mangle=resigned(lambda s: b"\0" + s)),
    *(
        Fault(f"E55-out-of-range-{index}", BadSignature, mangle=r_and_s(r, s))
        for index, (r, s) in enumerate([(0, 0), (0, 1), (1, 0), (N, 1), (1, N), (N, N)])
    ),
    *(
        Fault(
            f"E56-{name}-with-{of_key}",
            KeyUnusable,
            "kid",
            good_signer=named(of_key, "e1"),
            jwks=published(named(of_key, "e1"), alg=ABSENT),
            header={"alg": name},
        )
        for name in SIZES
        for of_key in SIZES
        if name != of_key
    ),
    *(
        Fault(
            f"E57-{name}",
            BadSignature,
            good_signer=RSA,
            jwks=published(RSA, alg=ABSENT),
            raw=pss(salt=salt, mgf=mgf),
        )
        for name, salt, mgf in [
            ("no-salt", 0, hashes.SHA256),
            ("short-salt", 31, hashes.SHA256),
            ("long-salt", 33, hashes.SHA256),
            ("other-mask", 32, hashes.SHA1),
        ]
    ),
    *(
        Fault(f"E58-{alg!r}", AlgorithmNotAllowed, "alg", header={"alg": alg})
        for alg in ("none", "None", "NONE", "nOnE", "noNE", "none ", " none", "none\0")
    ),
    *(
        Fault(
            f"E58-{alg}-unsigned",
            MalformedToken,
            header={"alg": alg},
            mangle=part(2, lambda _: ""),
        )
        for alg in ("none", "nOnE")
    ),
    Fault("E60-token", AlgorithmNotAllowed, "alg", header={"alg": "ES256K"}),
    *(
        Fault(
            f"F75-{name}",
            AlgorithmNotAllowed,
            "alg",
            good_signer=RSA,
            raw=hs256(secret),
        )
        for name, secret in {
            "the-public-key": public_bytes("PEM", "SubjectPublicKeyInfo"),
            "nothing": b"",
        }.items()
    ),
]


@faults(
    [
        *FAULTS,
        *renumbered(FAULTS, "E56", "X264"),
        *renumbered(FAULTS, "E58", "G80", "H106", "X270"),
    ]
)
def test_one_fault_is_refused(fault):
    refuse(fault)


@pytest.mark.parametrize(
    ("algorithm", "least"), [("HS256", 32), ("HS384", 48), ("HS512", 64)]
)
@requirement("E52")
def test_a_secret_is_as_long_as_the_hash(algorithm, least):
    def problems(length):
        raw = issuer_settings(SHARED_SECRET="x" * length, ALGORITHMS=[algorithm])
        return [problem.id for problem in parse(raw)[1]]

    assert problems(least) == []
    assert problems(least - 1) == ["E010"]


@requirement("E53")
def test_macs_are_compared_in_constant_time(monkeypatch):
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda a, b: compared.append(1) or compare(a, b)
    )
    secret = b"x" * 32
    [made] = shared_secret_keys(secret).matching(None, "HS256")
    assert made.verify("HS256", b"message", hmac.digest(secret, b"message", "sha256"))
    assert not made.verify("HS256", b"message", bytes(32))
    assert len(compared) == 2


@pytest.mark.parametrize("bits", [512, 1024, 2047])
@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS512"])
@requirement("E54")
def test_a_short_rsa_key_is_refused(algorithm, bits):
    short = {**RSA().public_jwk(), "alg": algorithm, "n": number(2**bits - 1)}
    [refused] = key_set(short, key().public_jwk()).refused
    assert (refused.reason, refused.alarming) == ("weak_key", True)


@rows(
    "members",
    {
        "E59-X25519": {"crv": "X25519"},
        "E59-X448": {"crv": "X448"},
        "E59-Ed25519-as-X448": {"crv": "X448", "alg": ABSENT},
        "E60-secp256k1": {"kty": "EC", "crv": "secp256k1", "alg": "ES256K"},
        "E60-ES256K-on-P-256": {"kty": "EC", "crv": "P-256", "alg": "ES256K"},
    },
)
def test_a_curve_for_something_else_is_refused(members):
    [made] = published(named("EdDSA", "x"), **members)()
    keys = key_set(made, key().public_jwk(), algorithms=ASYMMETRIC_ALGORITHMS)
    assert [refused.reason for refused in keys.refused] == [
        "algorithm_does_not_fit_key"
    ]
