"""Catalogue, section 1: signatures that are none."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives import hashes

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    KeyUnusable,
    UnknownKey,
)
from django_oidc_rs.testing.signing import encode
from tests.attacks.forging import (
    PADDINGS,
    padded,
    signed_number,
)
from tests.attacks.harness import Sent, strike
from tests.attacks.staging import (
    OK,
    PATHS,
    faults_of,
    merged,
    on_every_handler,
    scene_of,
    strike_fault,
)
from tests.core.builders import ABSENT
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    ENC,
    MALLORY,
    RSA,
    N,
    hs256,
    mallory,
    named,
    pss,
    published,
    r_and_s,
    resigned,
    without_kid,
)

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

P384, P521 = named("ES384", "p384"), named("ES512", "p521")
RSA_UNPINNED = published(RSA, alg=ABSENT)


def modulus():
    return RSA()._private.public_key().public_numbers().n


N_384 = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
    "581a0db248b0a77aecec196accc52973",
    16,
)


def psychic(r, s, signer=P384, size=48):
    octets = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return Fault(
        "", BadSignature, good_signer=signer, mangle=resigned(lambda _: octets)
    )


def rsa_fault(mangle):
    return Fault("", BadSignature, good_signer=RSA, mangle=mangle)


SIGNATURES = merged(
    faults_of(19),
    {
        "A19-infinity": Fault("", BadSignature, mangle=r_and_s(2**256 - 1, 2**256 - 1)),
        "A19-r-is-n": Fault("", BadSignature, mangle=r_and_s(N, N - 1)),
        "A19-ES384-0-0": psychic(0, 0),
        "A19-ES384-n-n": psychic(N_384, N_384),
        "A19-ES384-1-0": psychic(1, 0),
        "A19-ES512-0-0": psychic(0, 0, P521, 66),
        "A19-ES512-0-1": psychic(0, 1, P521, 66),
        "A19-EdDSA-zero": Fault(
            "",
            BadSignature,
            good_signer=named("EdDSA", "ed"),
            mangle=resigned(lambda _: bytes(64)),
        ),
        "A19-EdDSA-identity": Fault(
            "",
            BadSignature,
            good_signer=named("EdDSA", "ed"),
            mangle=resigned(lambda _: b"\1" + bytes(63)),
        ),
        "A19-no-kid": Fault(
            "", BadSignature, header=without_kid(), mangle=r_and_s(0, 0), asks=True
        ),
    },
    faults_of(20),
    {
        "A20-DER-of-zeros": Fault(
            "",
            BadSignature,
            mangle=resigned(lambda _: bytes.fromhex("3006020100020100")),
        ),
        "A20-DER-padded-to-64": Fault(
            "",
            BadSignature,
            mangle=resigned(
                lambda _: bytes.fromhex("3006020101020101").ljust(64, b"\0")
            ),
        ),
    },
    faults_of(21),
    {
        "A21-trailing-zeros": Fault(
            "", BadSignature, mangle=resigned(lambda octets: octets + bytes(8))
        ),
        "A21-each-half-padded": Fault(
            "",
            BadSignature,
            mangle=resigned(lambda o: bytes(34) + o[:32] + bytes(34) + o[32:]),
        ),
        "A21-ES384-of-64": Fault(
            "",
            BadSignature,
            good_signer=P384,
            mangle=resigned(lambda octets: octets[:64]),
        ),
        "A21-ES512-of-130": Fault(
            "",
            BadSignature,
            good_signer=P521,
            mangle=resigned(lambda octets: octets[1:66] + octets[67:]),
        ),
    },
    faults_of(23),
    {f"A23-{name}": rsa_fault(padded(change)) for name, change in PADDINGS.items()},
    {
        "A23-number-0": rsa_fault(signed_number(0)),
        "A23-number-1": rsa_fault(signed_number(1)),
        "A23-shorter": rsa_fault(resigned(lambda octets: octets[:-1])),
        "A23-longer": rsa_fault(resigned(lambda octets: b"\0" + octets)),
        "A23-trailing-zero": rsa_fault(resigned(lambda octets: octets + b"\0")),
        "A23-n-minus-1": rsa_fault(lambda raw: signed_number(modulus() - 1)(raw)),
        "A23-n": rsa_fault(lambda raw: signed_number(modulus())(raw)),
        "A23-plus-n": rsa_fault(
            lambda raw: resigned(
                lambda o: (int.from_bytes(o, "big") + modulus()).to_bytes(257, "big")
            )(raw)
        ),
        "A23-minus-n": rsa_fault(
            lambda raw: resigned(
                lambda o: (modulus() - int.from_bytes(o, "big")).to_bytes(256, "big")
            )(raw)
        ),
    },
    faults_of(25),
    {
        f"A25-salt-of-{salt}": Fault(
            "",
            BadSignature,
            good_signer=RSA,
            jwks=RSA_UNPINNED,
            raw=pss(salt=salt, mgf=hashes.SHA256),
        )
        for salt in (0, 31, 33, 64, 222)
    },
    {
        "A25-mgf1-sha512": Fault(
            "",
            BadSignature,
            good_signer=RSA,
            jwks=RSA_UNPINNED,
            raw=pss(salt=32, mgf=hashes.SHA512),
        ),
        "A25-RS256-signature-as-PS256": Fault(
            "",
            BadSignature,
            good_signer=RSA,
            jwks=RSA_UNPINNED,
            header={"alg": "PS256"},
            algorithm="RS256",
        ),
        "A25-PS256-signature-as-RS256": Fault(
            "",
            BadSignature,
            good_signer=RSA,
            jwks=RSA_UNPINNED,
            header={"alg": "RS256"},
            algorithm="PS256",
        ),
    },
)


def ml_dsa(signature, **header):
    """A token of an issuer that publishes an ML-DSA key beside its good one."""
    return Fault(
        "",
        AlgorithmNotAllowed,
        "alg",
        header={"alg": "ML-DSA-44", "kid": "pq", **header},
        mangle=resigned(lambda _: signature),
        jwks=lambda: [
            named()().public_jwk(),
            {"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": encode(bytes(1311))},
        ],
    )


FALLBACKS = merged(
    faults_of(26),
    {
        "A26-no-kid": Fault(
            "",
            BadSignature,
            signer=MALLORY,
            header=without_kid(jwk=MALLORY().public_jwk()),
            asks=True,
        ),
        "A26-a-refused-key-and-own-jwk": Fault(
            "",
            KeyUnusable,
            "kid",
            signer=mallory("enc"),
            header={"jwk": MALLORY().public_jwk()},
            jwks=published(named(), ENC, use="enc"),
        ),
        "A26-unknown-kid-and-oct-jwk": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            raw=hs256(
                b"k" * 32,
                kid="k9",
                jwk={"kty": "oct", "k": encode(b"k" * 32), "alg": "HS256"},
            ),
        ),
        "A26-null-jwk": Fault(
            "", UnknownKey, "kid", signer=mallory("k9"), header={"jwk": None}, asks=True
        ),
    },
    faults_of(27),
    {
        "A27-right-length": ml_dsa(bytes(2420)),
        "A27-truncated": ml_dsa(bytes(2419)),
        "A27-hash-ml-dsa": ml_dsa(bytes(2420), alg="HashML-DSA-44"),
        "A27-ctx": ml_dsa(bytes(2420), ctx="AA"),
        "A27-named-by-ES256": Fault(
            "", KeyUnusable, "kid", header={"kid": "pq"}, jwks=ml_dsa(b"x").jwks
        ),
    },
)

ROWS = merged(SIGNATURES, FALLBACKS)


@pytest.mark.parametrize("row", ROWS)
def test_a_forged_token_is_none(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


def other_s(octets):
    s = N - int.from_bytes(octets[32:], "big")
    return octets[:32] + s.to_bytes(32, "big")


@on_every_handler
@pytest.mark.parametrize("replay", [1, 2], ids=["A22-other-s", "A22-twice"])
def test_another_spelling_of_a_signature_is_nobody_new(
    replay, handler, caplog, monkeypatch
):
    with scene_of(Fault("", BadSignature)) as scene:
        token = scene.good
        for _ in range(replay):
            token = resigned(other_s)(token)
        answer = strike(
            Sent((f"Bearer {token}",)),
            OK,
            url=PATHS[handler],
            handler=handler,
            issuer=scene.issuer,
            good=scene.good,
            caplog=caplog,
            monkeypatch=monkeypatch,
        )
    # The harness saw that no user was made; this is the one there was.
    assert json.loads(answer.body)["is_row"]
