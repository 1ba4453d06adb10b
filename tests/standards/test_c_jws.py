"""C: JSON Web Signature, as a verifier."""

from __future__ import annotations

import json
import string

import pytest

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    InvalidClaim,
    MalformedToken,
    NotAnAccessToken,
    UnknownKey,
    UntrustedIssuer,
)
from tests.attacks.harness import no_network
from tests.core.builders import (
    ABSENT,
    claims,
    header,
    key,
    policy,
    server,
    sign,
    validator,
)
from tests.core.faults.crafting import (
    MALLORY,
    RSA,
    json_serialization,
    mallory,
    named,
    part,
    published,
)
from tests.core.faults.records import Fault

from .support import accept, faults, refuse, renumbered, requirement, rows

NFC, NFD = "https://caf\xe9.test", "https://cafe\u0301.test"
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
EVIL = "https://evil.test/jwks"


def replaced(character):
    return lambda text: text[:4] + character + text[5:]


GOOD_CLAIMS = json.dumps(claims()).encode()

FAULTS = [
    *(
        Fault(f"C25-{n}-parts", MalformedToken, raw=lambda n=n: ".".join(["e30"] * n))
        for n in (1, 2, 4, 5, 4000)
    ),
    *(
        Fault(f"C26-{char!a}-in-{index}", MalformedToken, mangle=part(index, made))
        for index in range(3)
        for char, made in {
            **{char: replaced(char) for char in "= \n\t+/?~\0\xe9\uff21"},
            "padding": lambda text: text + "=" * (-len(text) % 4 or 4),
        }.items()
    ),
    *(
        Fault(f"C28-{name}", MalformedToken, header=octets)
        for name, octets in {
            "UTF-16": json.dumps(header()).encode("utf-16"),
            "UTF-32": json.dumps(header()).encode("utf-32"),
            "BOM": json.dumps(header()).encode("utf-8-sig"),
            "Latin-1": b'{"alg":"ES256","kid":"k1","x":"\xe9"}',
            "array": b'["ES256"]',
            "string": b'"ES256"',
            "null": b"null",
            "trailing": json.dumps(header()).encode() + b"{}",
        }.items()
    ),
    *(
        Fault(f"C29-{name}", MalformedToken, header=f'{{{twice},"kid":"k1"}}'.encode())
        for name, twice in {
            "none-first": '"alg":"none","alg":"ES256"',
            "none-last": '"alg":"ES256","alg":"none"',
            "escaped": r'"alg":"ES256","\u0061lg":"ES256"',
            "kid": '"alg":"ES256","kid":"k2"',
        }.items()
    ),
    *(
        Fault(f"C30-{alg!r}", AlgorithmNotAllowed, "alg", header={"alg": alg})
        for alg in ("es256", "ES256 ", "", "ES521", ["ES256"], 256, None, True)
    ),
    Fault("C30-missing", AlgorithmNotAllowed, "alg", header={"alg": ABSENT}),
    Fault(
        "C31-RS512",
        AlgorithmNotAllowed,
        "alg",
        policy={"algorithms": frozenset(("ES256",))},
        signer=RSA,
        algorithm="RS512",
        jwks=published(named(), RSA, alg=ABSENT),
    ),
    Fault("C32-unknown", MalformedToken, "crit", header={"crit": ["x"]}),
    Fault("C32-present", MalformedToken, "crit", header={"crit": ["x"], "x": True}),
    *(
        Fault(f"C33-{crit!r}", MalformedToken, "crit", header={"crit": crit})
        for crit in ([], ["alg"], ["x", "x"], "b64", [1], None, {})
    ),
    Fault("C34-alone", MalformedToken, "b64", header={"b64": False}),
    Fault(
        "C34-critical", MalformedToken, "crit", header={"b64": False, "crit": ["b64"]}
    ),
    *(
        Fault(f"C35-{name}", BadSignature, signer=mallory(), header={name: value})
        for name, value in {
            "jku": EVIL,
            "x5u": EVIL,
            "jwk": MALLORY().public_jwk(),
            "x5c": ["MIIB"],
        }.items()
    ),
    *(
        Fault(f"C36-{kid!r}", MalformedToken, "kid", header={"kid": kid})
        for kid in (1, None, ["k1"], True, {})
    ),
    Fault("C36-case", UnknownKey, "kid", header={"kid": "K1"}, asks=True),
    Fault(
        "C37-kid",
        UnknownKey,
        "kid",
        good_signer=named("ES256", NFC),
        header={"kid": NFD},
        asks=True,
    ),
    *(
        Fault(f"C38-{name}", MalformedToken, claims=octets)
        for name, octets in {
            "trailing": GOOD_CLAIMS + b"x",
            "comment": GOOD_CLAIMS[:-1] + b"/* */}",
            "comma": GOOD_CLAIMS[:-1] + b",}",
            "quotes": GOOD_CLAIMS.replace(b'"', b"'"),
            "NaN": GOOD_CLAIMS[:-1] + b',"x":NaN}',
            "Infinity": GOOD_CLAIMS[:-1] + b',"x":-Infinity}',
            "1e400": GOOD_CLAIMS[:-1] + b',"x":1e400}',
        }.items()
    ),
    *(
        Fault(f"C39-{typ}", NotAnAccessToken, "typ", header={"typ": typ})
        for typ in ("x/at+jwt", "at+jwt;v=1", "application/application/at+jwt")
    ),
    Fault("C40-flattened", MalformedToken, raw=json_serialization()),
    Fault("C40-general", MalformedToken, raw=json_serialization(signatures=[])),
    Fault("C41-no-payload", MalformedToken, mangle=part(1, lambda _: "")),
]


@faults(
    [
        *FAULTS,
        *renumbered(FAULTS, "C26", "G98"),
        *renumbered(FAULTS, "C39", "G94"),
        *renumbered(FAULTS, "C40", "G98"),
        *renumbered(FAULTS, "C35", "G92"),
    ]
)
def test_one_fault_is_refused(fault, monkeypatch):
    with no_network(monkeypatch) as attempts:
        refuse(fault)
    assert attempts == []


@pytest.mark.parametrize("index", range(3))
@requirement("C27")
def test_another_spelling_of_the_same_octets_is_refused(index):
    for filling in range(3):
        extra = {"x": "x" * filling}
        raw_token = sign(claims(**extra), header(**extra))
        assert server().validate(raw_token)
        text = raw_token.split(".")[index]
        # Four characters hold three octets; a shorter group leaves bits unused.
        if len(text) % 4 == 0:
            continue
        other = text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 1]
        with pytest.raises(MalformedToken):
            server().validate(part(index, lambda _, other=other: other)(raw_token))


@rows(
    "case",
    {
        "C37-iss": ("issuer", NFC, {"iss": NFC}, {"iss": NFD}),
        "C37-aud": ("audience", frozenset((NFC,)), {"aud": NFC}, {"aud": NFD}),
    },
)
def test_text_is_compared_code_point_by_code_point(case):
    field, value, same, other = case
    ours = server(validator(policy(**{field: value})))
    assert ours.validate(sign(claims(**same)))
    with pytest.raises((InvalidClaim, UntrustedIssuer)):
        ours.validate(sign(claims(**other)))


@pytest.mark.parametrize(
    "typ", ["at+jwt", "AT+JWT", "at+JWT", "application/at+jwt", "Application/At+Jwt"]
)
@requirement("C39", "G94", "H101")
def test_spellings_of_the_type_of_access_tokens(typ):
    accept({"header": {"typ": typ}}, good="rfc9068")


@requirement("C35", "G92")
def test_addresses_and_keys_of_a_good_token_are_not_looked_at(monkeypatch):
    mine = MALLORY().public_jwk()
    with no_network(monkeypatch) as attempts:
        accept({"header": {"jku": EVIL, "x5u": EVIL, "jwk": mine, "x5c": ["x"]}})
    assert attempts == []
    assert key().public_jwk() != mine
