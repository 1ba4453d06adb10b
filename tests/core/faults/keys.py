"""Key selection: E of the cases."""

from __future__ import annotations

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    ExpiredToken,
    InvalidClaim,
    KeyUnusable,
    NotAnAccessToken,
    TokenNotYetValid,
    UnconfirmedToken,
    UnknownKey,
)
from django_oidc_rs.testing.signing import encode

from ..builders import ABSENT, NOW, key
from .crafting import (
    ENC,
    MALLORY,
    RSA,
    hs256,
    mallory,
    named,
    private_jwk,
    published,
    without_kid,
)
from .issuers import SECRET
from .records import Fault

HOUR = 3600
KEYS = [
    Fault(
        "JW-07-A118",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=published(named(), ENC, use="enc"),
    ),
    *(
        Fault(
            f"JW-08-{index}",
            KeyUnusable,
            "kid",
            signer=ENC,
            jwks=published(named(), ENC, use=ABSENT, key_ops=operations),
        )
        for index, operations in enumerate(
            [["encrypt"], [], ["verify", "verify"], ["verify", 1], "verify"]
        )
    ),
    Fault("KS-05", UnknownKey, "kid", header={"kid": "k9"}, asks=True),
    Fault("KS-05-other-type", UnknownKey, "kid", signer=RSA, asks=True),
    Fault(
        "KS-03-no-kid-and-none-verifies",
        BadSignature,
        signer=MALLORY,
        header=without_kid(),
        asks=True,
    ),
    Fault(
        "KS-03-no-kid-and-none-fits",
        UnknownKey,
        "kid",
        signer=RSA,
        header=without_kid(),
        asks=True,
    ),
    Fault(
        "KS-04-the-fifth-key",
        BadSignature,
        signer=named("ES256", "e5"),
        header=without_kid(),
        jwks=published(
            named(), *(named("ES256", f"e{index}") for index in range(2, 6))
        ),
        asks=True,
    ),
    *(
        Fault(
            f"JC-13-unknown-kid-and-{claim}",
            raises,
            claim,
            header={"kid": "k9"},
            claims={claim: value},
        )
        for claim, value, raises in [
            ("exp", NOW - HOUR, ExpiredToken),
            ("aud", "other", InvalidClaim),
            ("nbf", NOW + HOUR, TokenNotYetValid),
            ("nonce", "n", NotAnAccessToken),
            ("cnf", {"jkt": "x"}, UnconfirmedToken),
        ]
    ),
    Fault(
        "JC-13-no-kid-and-expired",
        ExpiredToken,
        "exp",
        signer=MALLORY,
        header=without_kid(),
        claims={"exp": NOW - HOUR},
    ),
    Fault(
        "KS-08-private",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=lambda: [key().public_jwk(), private_jwk(ENC())],
    ),
    Fault(
        "KS-08-half-private",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=published(named(), ENC, d="AAAA"),
    ),
    Fault(
        "KS-08-oct",
        AlgorithmNotAllowed,
        "alg",
        raw=hs256(SECRET, kid="h1"),
        jwks=lambda: [
            key().public_jwk(),
            {"kty": "oct", "kid": "h1", "alg": "HS256", "k": encode(SECRET)},
        ],
    ),
    Fault(
        "A117-two-keys-of-one-name",
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
        "A119-wrong-curve",
        KeyUnusable,
        "kid",
        signer=ENC,
        jwks=published(named(), ENC, alg="ES384"),
    ),
]
