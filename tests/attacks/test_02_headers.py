"""Catalogue, section 2: extensions, duplicates and bombs in the header."""

from __future__ import annotations

import json
import zlib

import pytest

from django_oidc_rs.core.errors import (
    AlgorithmNotAllowed,
    BadSignature,
    MalformedToken,
    TokenTooLong,
)
from tests.attacks.staging import (
    OK,
    faults_of,
    merged,
    strike_fault,
)
from tests.core.builders import claims
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    DEEP,
    MILLION,
    mallory,
)

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

LONGEST = 1_048_576


def by_mallory(**header):
    """Signed by the attacker under the good key's name, with more in the header."""
    return Fault("", BadSignature, signer=mallory(), header=header)


ROWS = merged(
    faults_of(40),
    {
        f"A40-{name}": Fault("", MalformedToken, "crit", header=header)
        for name, header in {
            "exp": {"crit": ["exp"], "exp": 1},
            "http": {"crit": ["http://example.invalid/UNDEFINED"]},
            "dpop": {"crit": ["jkt"], "jkt": "x"},
            "one-known-one-not": {"crit": ["b64", "urn:x"], "b64": True},
        }.items()
    },
    faults_of(41),
    {
        f"A41-{name}": Fault("", MalformedToken, "crit", header={"crit": crit})
        for name, crit in {
            "object": {},
            "true": True,
            "list-of-lists": [["urn:x"]],
            "empty-name": [""],
            "null-in-list": [None],
            "name-absent": ["absent"],
            "itself": ["crit"],
        }.items()
    },
    {
        "A41-many-within-the-limit": Fault(
            "",
            MalformedToken,
            "crit",
            header={"crit": ["x"] * 100_000},
            max_token_length=LONGEST,
        )
    },
    {
        # Ignored where the payload is what it is; nothing is inflated or derived.
        "A43-deflated-claims": Fault(
            "",
            MalformedToken,
            header={"zip": "DEF"},
            claims=zlib.compress(json.dumps(claims()).encode(), wbits=-15),
        ),
        "A43-deflated-zeros": Fault(
            "",
            MalformedToken,
            header={"zip": "DEF"},
            claims=zlib.compress(bytes(5 * MILLION), wbits=-15),
        ),
        "A43-gzip": Fault(
            "",
            MalformedToken,
            header={"zip": "GZIP"},
            claims=zlib.compress(json.dumps(claims()).encode(), wbits=31),
        ),
        "A43-PBES2-as-alg": Fault(
            "",
            AlgorithmNotAllowed,
            "alg",
            header={"alg": "PBES2-HS256+A128KW", "p2c": 2147483647, "p2s": "AAAA"},
        ),
        "A43-by-mallory": by_mallory(zip="DEF", enc="A256GCM", p2c=2147483647),
    },
    faults_of(44),
    {
        f"A44-{name}": Fault("", MalformedToken, header=header)
        for name, header in {
            "none-second": b'{"alg":"ES256","alg":"none","kid":"k1"}',
            "kid-twice": b'{"alg":"ES256","kid":"evil","kid":"k1"}',
            "kid-escaped": rb'{"alg":"ES256","kid":"x","\u006bid":"k1"}',
            "nested": b'{"alg":"ES256","kid":"k1","x":{"a":1,"a":2}}',
            "jwk-twice": b'{"alg":"ES256","kid":"k1","jwk":1,"jwk":2}',
        }.items()
    },
    faults_of(45),
    {
        "A45-empty-array": Fault("", MalformedToken, header=b"[]"),
        "A45-number": Fault("", MalformedToken, header=b"1"),
        "A45-array-of-object": Fault(
            "", MalformedToken, header=b'[{"alg":"ES256","kid":"k1"}]'
        ),
        "A45-NaN": Fault("", MalformedToken, header=b'{"alg":"ES256","x":NaN}'),
        "A45-BOM": Fault(
            "", MalformedToken, header=b'\xef\xbb\xbf{"alg":"ES256","kid":"k1"}'
        ),
        "A45-utf-16": Fault(
            "", MalformedToken, header='{"alg":"ES256","kid":"k1"}'.encode("utf-16")
        ),
        "A45-deep-too-long": Fault(
            "", TokenTooLong, header=b'{"x":' + b"[" * DEEP + b"]" * DEEP + b"}"
        ),
        "A45-33-levels": Fault(
            "",
            MalformedToken,
            header=b'{"alg":"ES256","kid":"k1","x":' + b"[" * 33 + b"]" * 33 + b"}",
        ),
        "A45-700-kB-of-one-member": Fault(
            "",
            BadSignature,
            signer=mallory(),
            header={"x": "x" * 700_000},
            max_token_length=LONGEST,
        ),
        "A45-many-members": Fault(
            "",
            BadSignature,
            signer=mallory(),
            header={f"x{n}": n for n in range(30_000)},
            max_token_length=LONGEST,
        ),
    },
)


@pytest.mark.parametrize("row", ROWS)
def test_a_header_chooses_nothing(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


IGNORED = {
    "A43-zip": {"zip": "DEF"},
    "A43-enc": {"enc": "A256GCM"},
    "A43-p2c": {"p2c": 2147483647, "p2s": "AAAA"},
    "A43-all": {"zip": "DEF", "enc": "A256GCM", "p2c": 2147483647, "epk": {}},
}


@pytest.mark.parametrize("row", IGNORED)
def test_what_means_nothing_in_a_jws_is_ignored(row, caplog, monkeypatch):
    fault = Fault("", BadSignature, header=IGNORED[row])
    strike_fault(fault, caplog, monkeypatch, OK)
