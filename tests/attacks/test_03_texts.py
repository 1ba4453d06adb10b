"""Catalogue, section 3: payloads that are no strict JSON object."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    MalformedToken,
    TokenTooLong,
)
from tests.attacks.staging import (
    faults_of,
    merged,
    strike_fault,
)
from tests.core.builders import NOW, claims
from tests.core.faults import Fault
from tests.core.faults.crafting import (
    DEEP,
    duplicate,
    payload_with,
)

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

LONGEST = 1_048_576
EXP = f'"exp": {NOW + 300}'
DEEP_OBJECTS = '{"a":' * DEEP + "1" + "}" * DEEP


def malformed(**edits):
    return Fault("", MalformedToken, **edits)


ROWS = merged(
    faults_of(59),
    {
        f"A59-{name}": malformed(claims=data)
        for name, data in {
            "utf-32-le": json.dumps(claims()).encode("utf-32-le"),
            "utf-7": json.dumps(claims(x="\u00e4")).replace(r"\u00e4", "+AOQ-").encode()
            + b"\xff",
            "overlong": json.dumps(claims()).encode()[:-1] + b',"x":"\xc0\xaf"}',
            "cesu-8": json.dumps(claims()).encode()[:-1]
            + b',"x":"\xed\xa0\xbd\xed\xb4\x91"}',
            "two-BOMs": b"\xef\xbb\xbf\xef\xbb\xbf" + json.dumps(claims()).encode(),
            "BOM-after": json.dumps(claims()).encode() + b"\xef\xbb\xbf",
            "raw-NUL": json.dumps(claims()).encode() + b"\0",
            "control-in-text": json.dumps(claims()).encode()[:-1] + b',"x":"\n"}',
        }.items()
    },
    faults_of(61),
    {
        f"A61-{name}": malformed(claims=data)
        for name, data in {
            "client_id": duplicate("client_id", '"app"', '"admin"'),
            "nbf": duplicate("nbf", "1", "2"),
            "same-value-twice": duplicate("exp", NOW + 300, NOW + 300),
            "escaped": duplicate("scope", '"read"', '"admin"').replace(
                b'"scope"', rb'"\u0073cope"', 1
            ),
            "nested": payload_with(f'{EXP}, "x": {{"a": 1, "a": 2}}'),
            "cnf": payload_with(f'{EXP}, "cnf": {{}}, "cnf": null'),
        }.items()
    },
    faults_of(62),
    {
        "A62-objects": malformed(
            claims=payload_with(f'{EXP}, "x": {DEEP_OBJECTS}'),
            max_token_length=LONGEST,
        ),
        "A62-unclosed": malformed(
            claims=b'{"x": ' + b"[" * DEEP, max_token_length=LONGEST
        ),
        "A62-unclosed-within-the-limit": malformed(claims=b'{"x": ' + b"[" * 12000),
        "A62-too-long": Fault("", TokenTooLong, claims=b"[" * DEEP + b"]" * DEEP),
        "A62-audience": malformed(claims={"aud": json.loads("[" * 900 + "]" * 900)}),
        "A62-whole": malformed(claims=b"[" * 6000 + b"]" * 6000),
    },
    faults_of(63),
    {
        f"A63-{name}": Fault("", raises, claim, claims=payload_with(text), **more)
        for name, raises, claim, text, more in [
            ("10**400", InvalidClaim, "exp", f'"exp": {10**400}', {}),
            ("1e309", MalformedToken, None, '"exp": 1e309', {}),
            ("minus-1e309", MalformedToken, None, '"exp": -1e309', {}),
            ("minus-0.0", ExpiredToken, "exp", '"exp": -0.0', {}),
            ("1e-400", ExpiredToken, "exp", '"exp": 1e-400', {}),
            ("minus", InvalidClaim, "exp", f'"exp": -{NOW}', {}),
            ("hex", MalformedToken, None, '"exp": 0x7fffffff', {}),
            ("leading-zero", MalformedToken, None, f'"exp": 0{NOW + 9}', {}),
            ("plus", MalformedToken, None, f'"exp": +{NOW + 9}', {}),
            ("in-another-claim", MalformedToken, None, f'{EXP}, "x": {"9" * 9999}', {}),
            (
                "700-000-digits",
                MalformedToken,
                None,
                f'{EXP}, "x": {"9" * 700_000}',
                {"max_token_length": LONGEST},
            ),
            (
                "exponent-of-a-million",
                MalformedToken,
                None,
                '"exp": 1e1000000',
                {},
            ),
            (
                "digits-of-a-fraction",
                MalformedToken,
                None,
                f'{EXP}, "x": 0.{"9" * 700_000}e999',
                {"max_token_length": LONGEST},
            ),
        ]
    },
    faults_of(64),
    {
        f"A64-{name}": malformed(claims=data)
        for name, data in {
            "true": b"true",
            "blank": b" ",
            "empty-array-and-object": b"[{}]",
            "open": b"{",
            "comma": b'{"a":1,}',
            "single-quotes": b"{'a': 1}",
            "comment": b'{"a":1}//',
            "two": b"{}{}",
        }.items()
    },
)


@pytest.mark.parametrize("row", ROWS)
def test_what_is_no_strict_object_is_none(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)
