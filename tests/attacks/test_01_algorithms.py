"""Catalogue, section 1: which algorithm, and with which key."""

from __future__ import annotations

import json

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    KeyUnusable,
    MalformedToken,
)
from tests.attacks.forging import (
    cube,
    hs256_by_recovered_key,
)
from tests.attacks.staging import (
    OK,
    faults_of,
    merged,
    strike_fault,
)
from tests.core.builders import ABSENT
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    ENC,
    RSA,
    hs256,
    jwk_text,
    named,
    part,
    public_bytes,
    published,
    resigned,
)
from tests.settings_faults import issuer as settings_of_issuer

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

P384 = named("ES384", "p384")
RSA_UNPINNED = published(RSA, alg=ABSENT)


def no_algorithm(alg, **header):
    """A token without signature, and with a canonical one where one is demanded."""
    return Fault("", MalformedToken, header={"alg": alg, **header}, mangle=unsigned)


unsigned = part(2, lambda _: "")


def confused(secret, **options):
    """HS256 by what everybody knows of an RSA key."""
    return Fault(
        "",
        AlgorithmNotAllowed,
        "alg",
        **{"good_signer": RSA, **options},
        raw=hs256(secret),
    )


def pem_with(change, form="SubjectPublicKeyInfo"):
    return public_bytes("PEM", form, change=change)


def modulus():
    return RSA()._private.public_key().public_numbers().n


NONE = merged(
    faults_of(1),
    {
        "A1-bare": Fault("", MalformedToken, header=b'{"alg":"none"}', mangle=unsigned),
        "A1-two-parts": Fault(
            "",
            MalformedToken,
            header={"alg": "none"},
            mangle=lambda raw: raw.rpartition(".")[0],
        ),
        "A1-no-kid-no-typ": no_algorithm("none", kid=ABSENT, typ=ABSENT),
    },
    faults_of(2),
    {
        "A2-leading-space": Fault(
            "", AlgorithmNotAllowed, "alg", header={"alg": " none"}
        ),
        "A2-escaped-nul": Fault(
            "", AlgorithmNotAllowed, "alg", header=rb'{"alg":"none\u0000","kid":"k1"}'
        ),
        "A2-fullwidth": Fault(
            "", AlgorithmNotAllowed, "alg", header={"alg": "\uff4eone"}
        ),
    },
    faults_of(3),
    {
        "A3-RS256": Fault(
            "", AlgorithmNotAllowed, "alg", good_signer=RSA, header={"alg": "none"}
        ),
        "A3-HS256": Fault(
            "", AlgorithmNotAllowed, "alg", good="shared-secret", header={"alg": "none"}
        ),
    },
    faults_of(4),
    {
        "A4-empty-header": Fault("", AlgorithmNotAllowed, "alg", header=b"{}"),
        "A4-list-of-none": Fault(
            "", AlgorithmNotAllowed, "alg", header={"alg": ["none"]}
        ),
        "A4-huge-number": Fault(
            "", AlgorithmNotAllowed, "alg", header=b'{"alg":1e300,"kid":"k1"}'
        ),
    },
    faults_of(5),
    {
        "A5-PS256": Fault(
            "", MalformedToken, good_signer=named("PS256", "ps"), mangle=unsigned
        ),
        "A5-EdDSA": Fault(
            "", MalformedToken, good_signer=named("EdDSA", "ed"), mangle=unsigned
        ),
        "A5-without-dot": Fault(
            "", MalformedToken, mangle=lambda raw: raw.rpartition(".")[0]
        ),
        "A5-one-zero-byte": Fault("", BadSignature, mangle=resigned(lambda _: b"\0")),
    },
)

CONFUSION = merged(
    faults_of(7),
    {
        "A7-spki-trailing-newline": confused(pem_with(lambda pem: pem + b"\n")),
        "A7-pkcs1-stripped": confused(pem_with(bytes.strip, "PKCS1")),
        "A7-pkcs1-crlf": confused(
            pem_with(lambda pem: pem.replace(b"\n", b"\r\n"), "PKCS1")
        ),
        "A7-one-line": confused(pem_with(lambda pem: pem.replace(b"\n", b""))),
        "A7-no-kid": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            good_signer=RSA,
            raw=hs256(pem_with(bytes), kid="x"),
        ),
        "A7-HS256-allowed-for-nobody": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            good_signer=RSA,
            raw=hs256(pem_with(bytes)),
            jwks=published(RSA, alg=ABSENT),
        ),
    },
    faults_of(8),
    {"A8-EC-point": confused(public_bytes("X962", "UncompressedPoint", named()))},
    faults_of(9),
    {
        "A9-set": confused(lambda: json.dumps({"keys": [RSA().public_jwk()]}).encode()),
        "A9-indented": confused(jwk_text(indent=2)),
        "A9-modulus-bytes": confused(lambda: modulus().to_bytes(256, "big")),
        "A9-modulus-signed-bytes": confused(lambda: modulus().to_bytes(257, "big")),
        "A9-modulus-hex": confused(lambda: b"%x" % modulus()),
    },
    {
        "A10-recovered": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            good_signer=cube,
            raw=hs256_by_recovered_key,
        )
    },
    faults_of(11),
    {
        "A11-spki-of-EC": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            raw=hs256(public_bytes("PEM", "SubjectPublicKeyInfo", named()), kid="k1"),
        ),
        "A11-openssh-of-its-own-kid": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            raw=hs256(public_bytes("OpenSSH", "OpenSSH", named()), kid="k1"),
        ),
        "A11-openssh-of-RSA": confused(public_bytes("OpenSSH", "OpenSSH")),
        "A11-openssh-and-a-comment": confused(
            public_bytes(
                "OpenSSH", "OpenSSH", named(), change=lambda text: text + b" root@idp\n"
            )
        ),
        "A11-coordinates": confused(
            lambda: json.dumps(named()().public_jwk()).encode()
        ),
    },
)

SUBSTITUTION = merged(
    faults_of(14),
    {
        "A14-PS512-for-a-key-of-PS256": Fault(
            "", KeyUnusable, "kid", good_signer=named("PS256", "ps"), algorithm="PS512"
        ),
        "A14-RS256-for-a-key-of-PS256": Fault(
            "", KeyUnusable, "kid", good_signer=named("PS256", "ps"), algorithm="RS256"
        ),
        "A14-ES256-for-P-384": Fault(
            "", KeyUnusable, "kid", good_signer=P384, header={"alg": "ES256"}
        ),
        "A14-Ed448-for-Ed25519": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            good_signer=named("EdDSA", "ed"),
            header={"alg": "Ed448"},
        ),
        "A14-lower-case": Fault(
            "", AlgorithmNotAllowed, "alg", header={"alg": "es256"}
        ),
    },
    faults_of(15),
    {
        "A15-HS256": confused(pem_with(bytes), jwks=RSA_UNPINNED),
        "A15-RS512-not-in-the-allow-list": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            good_signer=RSA,
            jwks=RSA_UNPINNED,
            policy={"algorithms": frozenset(("RS256",))},
            algorithm="RS512",
        ),
    },
    faults_of(16),
    {
        "A16-RS256-for-a-key-of-RS512": Fault(
            "",
            KeyUnusable,
            "kid",
            good_signer=named(),
            signer=RSA,
            jwks=published(named(), RSA, alg="RS512"),
            policy={"algorithms": frozenset(("ES256", "RS256"))},
        ),
        "A16-ES256-for-a-key-of-HS256": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=ENC,
            jwks=published(named(), ENC, alg="HS256"),
        ),
        "A16-ES256-for-a-key-of-none": Fault(
            "", KeyUnusable, "kid", signer=ENC, jwks=published(named(), ENC, alg="none")
        ),
        "A16-in-the-same-key-algs-of-case": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=ENC,
            jwks=published(named(), ENC, alg="es256"),
        ),
    },
    faults_of(17),
    {
        "A17-ES256-key-for-encryption": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            good_signer=RSA,
            signer=ENC,
            jwks=published(RSA, ENC, use="enc"),
            policy={"algorithms": frozenset(("RS256",))},
        ),
        "A17-RS256-named-signed-by-EC": Fault(
            "",
            KeyUnusable,
            "kid",
            good_signer=RSA,
            signer=ENC,
            header={"alg": "RS256"},
            jwks=published(RSA, ENC),
            policy={"algorithms": frozenset(("RS256",))},
        ),
    },
)

ROWS = merged(NONE, CONFUSION, SUBSTITUTION)


@pytest.mark.parametrize("row", ROWS)
def test_an_algorithm_of_the_attackers_choice_is_none(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


@pytest.mark.parametrize(
    "algorithm", [pytest.param(name, id=f"A15-{name}") for name in ("RS512", "PS256")]
)
def test_an_rsa_key_without_alg_serves_the_allow_list(algorithm, caplog, monkeypatch):
    """Real issuers use one RSA key for several algorithms; the strict profile pins."""
    fault = Fault(
        "", KeyUnusable, good_signer=RSA, jwks=RSA_UNPINNED, algorithm=algorithm
    )
    strike_fault(fault, caplog, monkeypatch, OK)


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [
        pytest.param("letmein", "HS256", id="A13-a-word"),
        pytest.param("s" * 31, "HS256", id="A13-31-bytes"),
        pytest.param("s" * 47, "HS384", id="A13-47-bytes"),
        pytest.param("s" * 63, "HS512", id="A13-63-bytes"),
    ],
)
def test_a_secret_that_can_be_guessed_is_an_error_of_the_settings(secret, algorithm):
    settings = settings_of_issuer(SHARED_SECRET=secret, ALGORITHMS=[algorithm])
    with override_settings(OIDC_RS=settings):
        problems = [each for each in run_checks() if each.is_serious()]
    assert problems
    assert all("SHARED_SECRET" in problem.msg for problem in problems)
    assert not any(secret in f"{each.msg} {each.hint}" for each in problems)
