"""Algorithms and signatures: B of the cases, 1 of the attacks."""

from __future__ import annotations

import json

from cryptography.hazmat.primitives import hashes

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    KeyUnusable,
    MalformedToken,
    UnknownKey,
)
from django_oidc_rs.testing.signing import encode

from ..builders import ABSENT, NOW, claims
from .crafting import (
    MALLORY,
    RSA,
    N,
    as_der,
    flipped,
    hs256,
    jwk_text,
    mallory,
    named,
    part,
    pss,
    public_bytes,
    published,
    r_and_s,
    resigned,
)
from .records import Fault

STRUCTURE = [
    Fault("JW-01-one-part", MalformedToken, raw=lambda: "abc"),
    Fault("JW-01-two-parts", MalformedToken, raw=lambda: "a.b"),
    Fault("JW-01-no-base64", MalformedToken, raw=lambda: "a.b.c"),
    Fault(
        "JW-01-tampered-payload",
        BadSignature,
        mangle=part(1, lambda _: encode(json.dumps(claims(sub="admin")).encode())),
    ),
    Fault(
        "JW-01-tampered-header",
        BadSignature,
        mangle=part(0, lambda _: encode(b'{"alg":"ES256","kid":"k1"}')),
    ),
    Fault("JW-01-tampered-signature", BadSignature, mangle=resigned(flipped)),
    *(
        Fault(
            f"A1-JW-02-{alg}",
            MalformedToken,
            header={"alg": alg},
            mangle=part(2, lambda _: ""),
        )
        for alg in ("none", "None", "NONE", "nOnE")
    ),
    *(
        Fault(f"A2-{index}", AlgorithmNotAllowed, "alg", header=header)
        for index, header in enumerate(
            [
                {"alg": "None"},
                {"alg": "NONE"},
                {"alg": "nOnE"},
                {"alg": "noNE"},
                {"alg": "none "},
                {"alg": "none\x00"},
                rb'{"alg":"\u006eone","kid":"k1"}',
            ]
        )
    ),
    Fault("A3", AlgorithmNotAllowed, "alg", header={"alg": "none"}),
    *(
        Fault(f"A4-JW-03-{alg!r}", AlgorithmNotAllowed, "alg", header={"alg": alg})
        for alg in (None, ["ES256"], 256, True, "", {"alg": "ES256"})
    ),
    Fault("A4-JW-03-missing", AlgorithmNotAllowed, "alg", header={"alg": ABSENT}),
    Fault("A5-ES256", MalformedToken, mangle=part(2, lambda _: "")),
    Fault("A5-RS256", MalformedToken, good_signer=RSA, mangle=part(2, lambda _: "")),
    Fault(
        "A5-HS256", MalformedToken, good="shared-secret", mangle=part(2, lambda _: "")
    ),
    *(
        Fault(id_, AlgorithmNotAllowed, "alg", good_signer=RSA, raw=hs256(secret))
        for id_, secret in {
            "A7-JW-04-spki": public_bytes("PEM", "SubjectPublicKeyInfo"),
            "A7-JW-04-pkcs1": public_bytes("PEM", "PKCS1"),
            "A7-JW-04-stripped": public_bytes(
                "PEM", "SubjectPublicKeyInfo", change=bytes.strip
            ),
            "A7-JW-04-crlf": public_bytes(
                "PEM",
                "SubjectPublicKeyInfo",
                change=lambda pem: pem.replace(b"\n", b"\r\n"),
            ),
            "A8-spki": public_bytes("DER", "SubjectPublicKeyInfo"),
            "A8-pkcs1": public_bytes("DER", "PKCS1"),
            "A9-jwk": jwk_text(),
            "A9-jwk-minified": jwk_text(separators=(",", ":")),
            "A9-jwk-sorted": jwk_text(sort_keys=True),
            "A9-modulus": lambda: RSA().public_jwk()["n"].encode(),
            "A11-openssh": public_bytes("OpenSSH", "OpenSSH", named()),
            "A35-empty-secret": b"",
        }.items()
    ),
    Fault(
        "A14-PS256-for-a-key-of-RS256",
        KeyUnusable,
        "kid",
        good_signer=RSA,
        algorithm="PS256",
    ),
    Fault(
        "A14-RS512-for-a-key-of-RS256",
        KeyUnusable,
        "kid",
        good_signer=RSA,
        algorithm="RS512",
    ),
    Fault("A14-ES256K", AlgorithmNotAllowed, "alg", header={"alg": "ES256K"}),
    Fault("A14-ES384-for-P-256", KeyUnusable, "kid", header={"alg": "ES384"}),
    Fault("A14-RS256-for-an-EC-key", KeyUnusable, "kid", header={"alg": "RS256"}),
    *(
        Fault(
            f"A14-{algorithm}-for-a-P-256-key-without-alg",
            KeyUnusable,
            "kid",
            header={"alg": algorithm},
            jwks=published(named(), alg=ABSENT),
        )
        for algorithm in ("ES384", "ES512", "RS256", "PS256", "EdDSA")
    ),
    Fault(
        "A15-not-in-the-allow-list",
        AlgorithmNotAllowed,
        "alg",
        good_signer=RSA,
        jwks=published(RSA, alg=ABSENT),
        policy={"algorithms": frozenset(("RS256",))},
        algorithm="PS512",
    ),
    Fault(
        "A15-strict-profile-pins",
        AlgorithmNotAllowed,
        "alg",
        good="rfc9068",
        good_signer=RSA,
        jwks=published(RSA, alg=ABSENT),
        algorithm="PS256",
    ),
    Fault(
        "A16-key-of-another-algorithm",
        KeyUnusable,
        "kid",
        signer=RSA,
        jwks=published(named(), RSA, alg="PS256"),
    ),
    Fault(
        "A17-JW-05",
        AlgorithmNotAllowed,
        "alg",
        good_signer=RSA,
        signer=named(),
        jwks=published(RSA, named()),
        policy={"algorithms": frozenset(("RS256",))},
    ),
    *(
        Fault(f"A19-{index}", BadSignature, mangle=r_and_s(r, s))
        for index, (r, s) in enumerate(
            [(0, 0), (0, 1), (1, 0), (N, N), (N - 1, 0), (N, 1), (1, N), (1, 1)]
        )
    ),
    Fault("A20", BadSignature, mangle=resigned(as_der)),
    *(
        Fault(f"A21-{id_}", BadSignature, mangle=resigned(change))
        for id_, change in {
            "63": lambda octets: octets[:63],
            "65": lambda octets: octets + b"\0",
            "66": lambda octets: b"\0" + octets[:32] + b"\0" + octets[32:],
            "4096": lambda octets: octets * 64,
            "leading-zero": lambda octets: b"\0" + octets,
            "half": lambda octets: octets[:32],
            "one": lambda octets: octets[:1],
        }.items()
    ),
    Fault("A23-RS256", BadSignature, good_signer=RSA, mangle=resigned(flipped)),
    Fault(
        "A25-salt",
        BadSignature,
        good_signer=RSA,
        jwks=published(RSA, alg=ABSENT),
        raw=pss(salt=20, mgf=hashes.SHA256),
    ),
    Fault(
        "A25-mgf1-sha1",
        BadSignature,
        good_signer=RSA,
        jwks=published(RSA, alg=ABSENT),
        raw=pss(salt=32, mgf=hashes.SHA1),
    ),
    Fault(
        "A26-unknown-kid-and-own-jwk",
        UnknownKey,
        "kid",
        signer=mallory("k9"),
        header={"jwk": MALLORY().public_jwk()},
        asks=True,
    ),
    Fault("A27-ml-dsa", AlgorithmNotAllowed, "alg", header={"alg": "ML-DSA-44"}),
    Fault(
        "JW-11-bad-signature-and-expired",
        BadSignature,
        claims={"exp": NOW - 3600},
        mangle=resigned(flipped),
    ),
    Fault(
        "JW-13-short-mac",
        BadSignature,
        good="shared-secret",
        mangle=resigned(lambda octets: octets[:16]),
    ),
    Fault(
        "JW-13-long-mac",
        BadSignature,
        good="shared-secret",
        mangle=resigned(lambda octets: octets + b"\0"),
    ),
    Fault(
        "JW-13-other-mac", BadSignature, good="shared-secret", mangle=resigned(flipped)
    ),
    Fault(
        "A14-HS512-for-a-secret-of-HS256",
        AlgorithmNotAllowed,
        "alg",
        good="shared-secret",
        algorithm="HS512",
    ),
    Fault(
        "A17-RS256-for-a-shared-secret",
        AlgorithmNotAllowed,
        "alg",
        good="shared-secret",
        signer=RSA,
    ),
]
