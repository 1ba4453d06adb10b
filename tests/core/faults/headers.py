"""Header parameters: B of the cases, 2 of the attacks."""

from __future__ import annotations

from django_oidc_rs.core.errors import (
    BadSignature,
    MalformedToken,
    NotAnAccessToken,
    TokenTooLong,
    UnknownKey,
)

from ..builders import ISSUER
from .crafting import (
    DEEP,
    MALLORY,
    MILLION,
    mallory,
    without_kid,
)
from .records import Fault

EVIL = "https://evil.test/jwks"
HEADERS = [
    Fault(
        "A28-KS-10",
        UnknownKey,
        "kid",
        signer=mallory("mallory"),
        header={"jwk": MALLORY().public_jwk()},
        asks=True,
    ),
    Fault(
        "A28-no-kid",
        BadSignature,
        signer=MALLORY,
        header=without_kid(jwk=MALLORY().public_jwk()),
        asks=True,
    ),
    Fault(
        "A29",
        BadSignature,
        signer=mallory(),
        header={"jwk": {**MALLORY().public_jwk(), "kid": "k1"}},
    ),
    *(
        Fault(id_, BadSignature, signer=mallory(), header=header)
        for id_, header in {
            "A31-userinfo": {"jku": "https://issuer.test@evil.test/jwks"},
            "A31-suffix": {"jku": "https://issuer.test.evil.test/jwks"},
            "A31-dots": {"jku": f"{ISSUER}/..//redirect?to=evil.test"},
            "A32-metadata": {"jku": "http://169.254.169.254/latest/meta-data"},
            "A32-file": {"jku": "file:///etc/passwd", "x5u": "gopher://evil.test"},
            "A33-x5u": {"x5u": EVIL},
            "A33-x5c": {"x5c": ["MIIB"], "x5t": "x", "x5t#S256": "x"},
            "A34-many": {"x5c": ["MIIBmalformed"] * 500},
        }.items()
    ),
    Fault("A34-a-thousand", TokenTooLong, header={"x5c": ["MIIBmalformed"] * 1000}),
    *(
        Fault(
            f"A35-A37-A38-A39-{index}",
            UnknownKey,
            "kid",
            header={"kid": kid},
            asks=True,
        )
        for index, kid in enumerate(
            [
                "../../../../dev/null",
                "/proc/self/environ",
                "C:\\",
                "%2e%2e/k1",
                "k1' OR '1'='1",
                "x|sleep 10",
                "*)(uid=*",
                '{"$gt":""}',
                "{{7*7}}",
                "%s%n",
                "k1\x00",
                "\u202ek1",
                "K1",
                " k1",
                "",
                f"{ISSUER}|k1",
                "k1:k1",
                "k1\nk1",
                "k" * 300,
            ]
        )
    ),
    *(
        Fault(f"A38-JW-09-{kid!r}", MalformedToken, "kid", header={"kid": kid})
        for kid in (1, None, True, [], ["k1"], {}, {"kid": "k1"})
    ),
    Fault("A38-long", MalformedToken, "kid", header={"kid": "k" * 2000}),
    Fault("A38-huge", TokenTooLong, header={"kid": "k" * MILLION}),
    *(
        Fault(id_, MalformedToken, "crit", header={"crit": crit})
        for id_, crit in {
            "A40": ["urn:x"],
            "A41-empty": [],
            "A41-text": "b64",
            "A41-number": [1],
            "A41-alg": ["alg"],
            "A41-duplicates": ["x", "x"],
            "A41-null": None,
        }.items()
    ),
    Fault(
        "A40-present", MalformedToken, "crit", header={"crit": ["urn:x"], "urn:x": True}
    ),
    Fault("A41-many", TokenTooLong, header={"crit": ["x"] * 100_000}),
    Fault(
        "A41-b64-in-crit",
        MalformedToken,
        "crit",
        header={"crit": ["b64"], "b64": False},
    ),
    *(
        Fault(f"b64-{b64}", MalformedToken, "b64", header={"b64": b64})
        for b64 in (True, False, None)
    ),
    *(
        Fault(f"cty-{cty}", MalformedToken, "cty", header={"cty": cty})
        for cty in ("JWT", "jwt", "", None)
    ),
    *(
        Fault(f"A44-{index}", MalformedToken, header=header)
        for index, header in enumerate(
            [
                b'{"alg":"none","alg":"ES256","kid":"k1","typ":"at+jwt"}',
                b'{"alg":"ES256","kid":"k1","kid":"k1","typ":"at+jwt"}',
                b'{"alg":"ES256","kid":"k1","typ":"dpop+jwt","typ":"at+jwt"}',
                rb'{"alg":"ES256","kid":"k1","crit":["x"],"\u0063rit":[]}',
            ]
        )
    ),
    *(
        Fault(f"A45-{id_}", MalformedToken, header=header, max_token_length=length)
        for id_, header, length in [
            ("array", b'["ES256"]', 16384),
            ("text", b'"ES256"', 16384),
            ("null", b"null", 16384),
            ("nothing", b"{", 16384),
            ("garbage", b'{"alg":"ES256","kid":"k1"} x', 16384),
            ("latin-1", b'{"alg":"ES256","kid":"k1","x":"\xe4"}', 16384),
            ("deep", b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}", MILLION),
            ("deep-object", b'{"x":' * DEEP + b"1" + b"}" * DEEP, 10 * MILLION),
        ]
    ),
    Fault("A45-huge", TokenTooLong, header={"x": "x" * MILLION}),
    *(
        Fault(f"A83-JW-16-{typ!r}", NotAnAccessToken, "typ", header={"typ": typ})
        for typ in (
            *("logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt"),
            *("statuslist+jwt", "application/logout+jwt", "dc+sd-jwt", "id_token"),
            *("at+jwt;x", "x/at+jwt", "", "application/", ["at+jwt"], None, 1),
        )
    ),
]
