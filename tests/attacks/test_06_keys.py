"""Catalogue, section 6: keys of a set, met by tokens."""

from __future__ import annotations

import functools

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from django_oidc_rs.core.errors import AlgorithmNotAllowed, BadSignature, KeyUnusable
from django_oidc_rs.testing.signing import SigningKey, encode
from tests.attacks.apis import PATHS
from tests.attacks.forging import number, roca_modulus, under
from tests.attacks.harness import Sent, strike
from tests.attacks.staging import (
    OK,
    faults_of,
    merged,
    on_every_handler,
    staged,
    strike_fault,
)
from tests.core.builders import ABSENT, claims, key
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    ENC,
    MALLORY,
    RSA,
    hs256,
    mallory,
    named,
    private_jwk,
    published,
)
from tests.settings_faults import issuer as settings_of_issuer

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

P384 = named("ES384", "p384")


def refused(signer, **members):
    """Signed by a key whose JWK, with ``members``, stands beside a good one."""
    return Fault(
        "",
        KeyUnusable,
        "kid",
        signer=signer,
        jwks=published(named(), signer, **members),
    )


@functools.cache
def short() -> SigningKey:
    """An RSA key of 1,024 bits, which still signs."""
    made = SigningKey("ES256", key_id="weak")
    made.algorithm = "RS256"
    made._private = rsa.generate_private_key(65537, 1024)
    return made


def weak(**members):
    """Named by a token whose signature nobody should have looked at."""
    return Fault(
        "",
        KeyUnusable,
        "kid",
        signer=lambda: under(RSA(), "weak"),
        jwks=published(named(), lambda: under(RSA(), "weak"), **members),
    )


def modulus() -> int:
    return RSA()._private.public_key().public_numbers().n


def leaked(signer, **members):
    return lambda: [key().public_jwk(), {**signer().public_jwk(), **members}]


def twins(*jwks):
    return lambda: [key().public_jwk(), *({**jwk, "kid": "twin"} for jwk in jwks)]


TWIN = mallory("twin")
RSA_JWK = {name: RSA().public_jwk()[name] for name in ("n", "e")}

ROWS = merged(
    {
        "A115-d": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=ENC,
            jwks=lambda: [key().public_jwk(), private_jwk(ENC())],
        ),
        "A115-RSA-p": Fault(
            "", KeyUnusable, "kid", signer=RSA, jwks=leaked(RSA, p="AQAB", q="AQAB")
        ),
        "A115-priv": Fault(
            "", KeyUnusable, "kid", signer=ENC, jwks=leaked(ENC, priv="AAAA")
        ),
        "A115-d-null": Fault(
            "", KeyUnusable, "kid", signer=ENC, jwks=leaked(ENC, d=None)
        ),
        "A115-oct": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            raw=hs256(b"s" * 32, kid="h1"),
            jwks=lambda: [
                key().public_jwk(),
                {"kty": "oct", "kid": "h1", "k": encode(b"s" * 32)},
            ],
        ),
        "A116-neither-type-fits": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=P384,
            header={"kid": "r1"},
            jwks=lambda: [
                key().public_jwk(),
                RSA().public_jwk(),
                under(MALLORY(), "r1").public_jwk(),
            ],
        ),
        "A116-alg-of-the-other-type": Fault(
            "",
            BadSignature,
            signer=RSA,
            header={"alg": "ES256"},
            jwks=lambda: [
                key().public_jwk(),
                RSA().public_jwk(),
                under(MALLORY(), "r1").public_jwk(),
            ],
        ),
    },
    faults_of(117),
    {
        "A117-three": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=TWIN,
            jwks=twins(*(named("ES256", f"e{n}")().public_jwk() for n in range(3))),
        ),
        "A117-RSA": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=lambda: under(RSA(), "twin"),
            jwks=twins(RSA().public_jwk(), {**RSA().public_jwk(), "e": "Aw"}),
        ),
    },
    faults_of(118),
    {
        f"A118-{name}": refused(ENC, **members)
        for name, members in {
            "key_ops-encrypt": {"use": ABSENT, "key_ops": ["encrypt"]},
            "key_ops-wrapKey": {"use": ABSENT, "key_ops": ["wrapKey", "encrypt"]},
            "key_ops-sign-alone": {"use": ABSENT, "key_ops": ["sign"]},
            "key_ops-empty": {"use": ABSENT, "key_ops": []},
            "use-sig-key_ops-encrypt": {"key_ops": ["encrypt"]},
            "use-enc-key_ops-verify": {"use": "enc", "key_ops": ["verify"]},
            "use-upper-case": {"use": "SIG"},
            "use-empty": {"use": ""},
            "use-list": {"use": ["sig"]},
        }.items()
    },
    {"A118-RSA-use-enc": refused(RSA, use="enc")},
    faults_of(119),
    {
        "A119-ES521": refused(ENC, alg="ES521"),
        "A119-ES256-on-P-384": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=P384,
            header={"alg": "ES256"},
            jwks=published(named(), P384, alg="ES256"),
        ),
        "A119-RSA-of-EC-members": refused(ENC, kty="RSA", alg="RS256"),
        "A119-EC-of-RSA-members": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=RSA,
            jwks=lambda: [
                key().public_jwk(),
                {"kty": "EC", "kid": "r1", "alg": "ES256", "crv": "P-256", **RSA_JWK},
            ],
        ),
        "A119-OKP-of-EC-members": refused(ENC, kty="OKP", alg="EdDSA"),
        "A119-secp256k1": refused(ENC, crv="secp256k1", alg=ABSENT),
        "A119-off-the-curve": refused(ENC, y=encode(b"\1" * 32)),
        "A119-short-coordinate": refused(ENC, x=encode(b"\1" * 31)),
        "A119-alg-none": refused(ENC, alg="none"),
        "A119-alg-HS256": refused(ENC, alg="HS256"),
        "A119-alg-list": refused(ENC, alg=["ES256"]),
        "A119-kty-lower-case": refused(ENC, kty="ec"),
        "A119-RSA-OAEP": refused(RSA, alg="RSA-OAEP"),
    },
    {
        "A121-1024-bits": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=short,
            jwks=lambda: [
                key().public_jwk(),
                {
                    "kty": "RSA",
                    "kid": "weak",
                    "n": number(short()._private.public_key().public_numbers().n),
                    "e": "AQAB",
                },
            ],
        )
    },
    {
        f"A121-{name}": weak(**members())
        for name, members in {
            "2047-bits": lambda: {"n": number((1 << 2047) - 1)},
            "e-1": lambda: {"e": "AQ"},
            "e-0": lambda: {"e": "AA"},
            "e-2": lambda: {"e": "Ag"},
            "e-even": lambda: {"e": number(65536)},
            "e-huge": lambda: {"e": number(2**64 + 1)},
            "e-of-2048-bits": lambda: {"e": number(modulus() - 2)},
            "n-even": lambda: {"n": number(modulus() + 1)},
            # Mersenne's: whoever sees that n is prime knows the private exponent.
            "n-prime": lambda: {"n": number((1 << 2203) - 1)},
            "n-prime-3217-bits": lambda: {"n": number((1 << 3217) - 1)},
            "n-0": lambda: {"n": "AA"},
            "ROCA": lambda: {"n": number(roca_modulus())},
            "16384-bits": lambda: {"n": number((1 << 16384) - 1)},
            "8193-bits": lambda: {"n": number((1 << 8192) + 1)},
        }.items()
    },
    {
        f"A121-Ed25519-{name}": Fault(
            "",
            KeyUnusable,
            "kid",
            header={"alg": "EdDSA", "kid": "ed"},
            jwks=published(named(), named("EdDSA", "ed"), x=encode(octets)),
        )
        for name, octets in {
            "identity": b"\1" + bytes(31),
            "zero": bytes(32),
            "not-canonical": b"\xff" * 32,
        }.items()
    },
)


@pytest.mark.parametrize("row", ROWS)
def test_a_key_that_should_not_be_there_verifies_nothing(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


@pytest.mark.parametrize("times", [pytest.param(2, id="A117-the-same-key-twice")])
def test_a_key_listed_twice_is_one_key(times, caplog, monkeypatch):
    """Issuers do that while they rotate; there is nothing to confuse."""
    fault = Fault(
        "", KeyUnusable, signer=TWIN, jwks=twins(*[MALLORY().public_jwk()] * times)
    )
    strike_fault(fault, caplog, monkeypatch, OK)


SHARED_NAME = {
    "A116-RSA": lambda: under(RSA(), "same"),
    "A116-EC": lambda: under(ENC(), "same"),
    "A116-OKP": lambda: under(named("EdDSA", "ed")(), "same"),
}


@on_every_handler
@pytest.mark.parametrize("row", SHARED_NAME)
def test_one_name_for_keys_of_several_types(row, handler, caplog, monkeypatch):
    signers = [signer() for signer in SHARED_NAME.values()]
    jwks = [signer.public_jwk() for signer in signers]
    with staged(settings_of_issuer(), jwks) as (issuer,):
        strike(
            Sent((f"Bearer {SHARED_NAME[row]().sign(claims())}",)),
            OK,
            url=PATHS[handler],
            handler=handler,
            issuer=issuer,
            good=signers[0].sign(claims()),
            caplog=caplog,
            monkeypatch=monkeypatch,
        )
