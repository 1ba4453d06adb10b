"""Section B: the structure of a JWT, its algorithm and its type."""

from __future__ import annotations

import json
import re

import pytest

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    KeyUnusable,
    MalformedToken,
    NotAnAccessToken,
)
from django_oidc_rs.testing.signing import SigningKey, encode
from tests.cases.trying import SECRET, Case, check
from tests.core.builders import ABSENT, NOW, claims
from tests.core.faults.crafting import (
    ENC,
    RSA,
    flipped,
    hs256,
    mallory,
    named,
    part,
    public_bytes,
    published,
    resigned,
)


def hmac_key():
    return SigningKey("HS256", key_id="h1", secret=SECRET.encode())


def both(*signers):
    return published(named(), *signers)


def unsigned(algorithm, tail=""):
    def raw():
        head = encode(json.dumps({"alg": algorithm, "kid": "k1"}).encode())
        return f"{head}.{encode(json.dumps(claims()).encode())}.{tail}"

    return raw


SHARED = {"SHARED_SECRET": SECRET, "ALGORITHMS": ["HS256"]}
CASES = {
    "JW-01-one-part": Case(raises=MalformedToken, raw=lambda: "abc"),
    "JW-01-two-parts": Case(raises=MalformedToken, raw=lambda: "a.b"),
    "JW-01-no-base64url": Case(raises=MalformedToken, raw=lambda: "a.b.c"),
    **{
        f"JW-02-{algorithm}": Case(raises=MalformedToken, raw=unsigned(algorithm))
        for algorithm in ("none", "None", "NONE", "nOnE")
    },
    **{
        f"JW-02-{algorithm}-signed": Case(
            raises=AlgorithmNotAllowed, at="alg", header={"alg": algorithm}
        )
        for algorithm in ("none", "None", "NONE", "nOnE")
    },
    "JW-03": Case(raises=AlgorithmNotAllowed, at="alg", header={"alg": ABSENT}),
    "JW-03-null": Case(raises=AlgorithmNotAllowed, at="alg", header={"alg": None}),
    "JW-04": Case(
        raises=AlgorithmNotAllowed,
        at="alg",
        raw=hs256(public_bytes("PEM", "SubjectPublicKeyInfo")),
        jwks=both(RSA),
    ),
    "JW-05": Case(
        raises=AlgorithmNotAllowed,
        at="alg",
        settings={"ALGORITHMS": ["ES256"]},
        signer=RSA,
        jwks=both(RSA),
    ),
    "JW-05-allowed": Case(
        settings={"ALGORITHMS": ["ES256", "RS256"]}, signer=RSA, jwks=both(RSA)
    ),
    "JW-07": Case(
        raises=KeyUnusable,
        at="kid",
        signer=ENC,
        jwks=published(named(), ENC, use="enc"),
    ),
    **{
        f"JW-08-{index}": Case(
            raises=KeyUnusable,
            at="kid",
            signer=ENC,
            jwks=published(named(), ENC, use=ABSENT, key_ops=operations),
        )
        for index, operations in enumerate(
            [["encrypt"], [], ["verify", "verify"], ["verify", 1], "verify", {}]
        )
    },
    "JW-08-verify": Case(
        signer=ENC, jwks=published(named(), ENC, use=ABSENT, key_ops=["verify"])
    ),
    **{
        f"JW-09-{kid!r}": Case(raises=MalformedToken, at="kid", header={"kid": kid})
        for kid in (1, {}, ["k1"], None, True)
    },
    "JW-10-array": Case(raises=MalformedToken, claims=b"[]"),
    "JW-10-text": Case(raises=MalformedToken, claims=b'"x"'),
    "JW-10-no-utf-8": Case(raises=MalformedToken, claims=b'{"sub": "\xff"}'),
    "JW-10-utf-16": Case(raises=MalformedToken, claims="{}".encode("utf-16")),
    "JW-11": Case(
        raises=BadSignature, claims={"exp": NOW - 9999}, mangle=resigned(flipped)
    ),
    "JW-11-no-audience": Case(
        raises=BadSignature, claims={"aud": ABSENT}, mangle=resigned(flipped)
    ),
    "JW-11-another-key": Case(
        raises=BadSignature, claims={"exp": NOW - 9999}, signer=mallory()
    ),
    "JW-13": Case(
        raises=BadSignature,
        settings=SHARED,
        signer=hmac_key,
        mangle=resigned(lambda octets: octets[:-1]),
    ),
    "JW-13-longer": Case(
        raises=BadSignature,
        settings=SHARED,
        signer=hmac_key,
        mangle=resigned(lambda octets: octets + b"\0"),
    ),
    "JW-13-empty": Case(
        raises=MalformedToken,
        settings=SHARED,
        signer=hmac_key,
        mangle=part(2, lambda _: ""),
    ),
    "JW-13-good": Case(settings=SHARED, signer=hmac_key),
    "JW-14-absent": Case(header={"typ": ABSENT}),
    "JW-14-JWT": Case(header={"typ": "JWT"}),
    "JW-14-strict": Case(
        raises=NotAnAccessToken,
        at="typ",
        settings={"PROFILE": "rfc9068"},
        header={"typ": "JWT"},
    ),
    **{
        f"JW-15-{kind}": Case(header={"typ": kind})
        for kind in ("at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT")
    },
    **{
        f"JW-16-{profile}-{kind}": Case(
            raises=NotAnAccessToken,
            at="typ",
            settings={"PROFILE": profile},
            header={"typ": kind},
        )
        for profile in ("default", "rfc9068")
        for kind in (
            "logout+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "token-introspection+jwt",
        )
    },
}


@pytest.mark.parametrize("case", CASES)
def test_structure(case):
    verdict = check(CASES[case])
    # What went wrong is said in our words, not in those of a parser.
    assert not re.search("Error|Exception|binascii|jwt\\.", str(verdict))
