"""Text, base64url and JSON: 3 of the attacks."""

from __future__ import annotations

import functools
import json

from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    MalformedToken,
    TokenTooLong,
    UntrustedIssuer,
)

from ..builders import AUDIENCE, ISSUER, NOW, claims
from .crafting import (
    DEEP,
    MILLION,
    duplicate,
    json_serialization,
    jwe,
    part,
    payload_with,
    polyglot,
)
from .records import Fault

TOKEN_FORMAT = [
    Fault("A46", MalformedToken, raw=jwe()),
    Fault("A46-direct", MalformedToken, raw=jwe(alg="dir", iss=ISSUER)),
    Fault("A47", MalformedToken, raw=jwe(cty="JWT")),
    Fault("A49-flattened", MalformedToken, raw=json_serialization()),
    Fault("A49-general", MalformedToken, raw=json_serialization(signatures=[])),
    Fault("A50", MalformedToken, raw=polyglot),
    *(
        Fault(
            f"A51-{index}",
            MalformedToken,
            mangle=part(index, lambda text: text + "=" * (-len(text) % 4 or 1)),
        )
        for index in range(3)
    ),
    *(
        Fault(
            f"A52-{place}-{blank!r}",
            MalformedToken,
            mangle=functools.partial(change, blank),
        )
        for blank in (" ", "\n", "\r", "\t", "\x00", "%20", "\xa0", "\ufeff")
        for place, change in {
            "front": lambda blank, raw: blank + raw,
            "end": lambda blank, raw: raw + blank,
            "inside": lambda blank, raw: raw[:9] + blank + raw[9:],
            "dot": lambda blank, raw: raw.replace(".", blank + ".", 1),
        }.items()
    ),
    Fault(
        # "???????" is sure to need a character in which the alphabets differ.
        "A53",
        MalformedToken,
        claims={"q": "???????"},
        mangle=part(1, lambda text: text.replace("_", "/").replace("-", "+")),
    ),
    *(
        Fault(f"A55-{index}", MalformedToken, mangle=change)
        for index, change in enumerate(
            [
                lambda raw: raw + ".",
                lambda raw: "." + raw,
                lambda raw: raw.replace(".", "..", 1),
                lambda raw: raw.replace(".", "", 1),
                lambda raw: raw + "." + raw,
                lambda raw: "...",
            ]
        )
    ),
    Fault(
        "A55-a-million-dots",
        MalformedToken,
        raw=lambda: "." * MILLION,
        max_token_length=MILLION,
    ),
    Fault("A56-one-too-many", TokenTooLong, raw=lambda: "a" * 16385),
    Fault("A56-1-MB", TokenTooLong, claims={"x": "x" * MILLION}),
    Fault("A57", MalformedToken, raw=jwe(zip="DEF")),
    Fault("A58", MalformedToken, raw=jwe(alg="PBES2-HS256+A128KW", p2c=2**31 - 1)),
    *(
        Fault(f"A59-{codec}", MalformedToken, claims=json.dumps(claims()).encode(codec))
        for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")
    ),
    *(
        Fault(f"A61-{name}", MalformedToken, claims=duplicate(name, first, second))
        for name, first, second in [
            ("exp", 1, NOW + 300),
            ("sub", '"alice"', '"admin"'),
            ("aud", '"other"', f'"{AUDIENCE}"'),
            ("scope", '"read"', '"admin"'),
            ("iss", '"https://evil.test"', f'"{ISSUER}"'),
        ]
    ),
    Fault(
        "A62-array",
        MalformedToken,
        claims=payload_with(f'"exp": {NOW + 9}, "x": {"[" * DEEP}{"]" * DEEP}'),
        max_token_length=MILLION,
    ),
    Fault(
        "A62-within-the-limit",
        MalformedToken,
        claims=payload_with(f'"exp": {NOW + 9}, "x": {"[" * 5000}{"]" * 5000}'),
    ),
    Fault(
        "A62-33-levels",
        MalformedToken,
        claims=payload_with(f'"exp": {NOW + 9}, "x": {"[" * 33}{"]" * 33}'),
    ),
    Fault(
        "A62-deep-issuer",
        MalformedToken,
        claims={"iss": json.loads("[" * 500 + "]" * 500)},
    ),
    Fault(
        "A62-nested-issuer",
        UntrustedIssuer,
        "iss",
        claims={"iss": json.loads("[" * 30 + "]" * 30)},
    ),
    Fault(
        "A63-integer-of-400-digits",
        InvalidClaim,
        "exp",
        claims=payload_with('"exp": ' + "9" * 400),
    ),
    Fault(
        "A63-integer-of-5000-digits",
        MalformedToken,
        claims=payload_with('"exp": ' + "9" * 5000),
    ),
    Fault(
        "A63-integer-of-a-million-digits",
        MalformedToken,
        claims=payload_with('"exp": ' + "9" * MILLION),
        max_token_length=10 * MILLION,
    ),
    Fault("A63-1e308", InvalidClaim, "exp", claims={"exp": 1e308}),
    Fault("A63-minus-zero", ExpiredToken, "exp", claims=payload_with('"exp": -0')),
    *(
        Fault(f"A64-JW-10-{id_}", MalformedToken, claims=payload)
        for id_, payload in {
            "text": b'"x"',
            "array": b"[]",
            "array-of-claims": b"[" + json.dumps(claims()).encode() + b"]",
            "null": b"null",
            "number": b"1",
            "empty": b"",
            "words": b"payload",
            "latin-1": b'{"sub":"\xe4"}',
            "trailing": json.dumps(claims()).encode() + b"{}",
            "nested-token": b"eyJhbGciOiJub25lIn0.e30.",
        }.items()
    ),
]
