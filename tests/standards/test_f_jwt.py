"""F: JSON Web Token."""

from __future__ import annotations

import json

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    InvalidToken,
    MalformedToken,
    TokenNotYetValid,
    UntrustedIssuer,
)
from django_oidc_rs.core.issuers import DEFAULT_ALGORITHMS, PROFILES
from tests.core.builders import ABSENT, AUDIENCE, ISSUER, NOW, claims
from tests.core.faults.crafting import duplicate, jwe, payload_with
from tests.core.faults.records import Fault
from tests.settings_faults import issuer as issuer_settings

from .support import accept, faults, refuse, renumbered, requirement

TEXT = json.dumps(claims())
NO_DATES = ["1800000300", True, False, None, [], {}]

FAULTS = [
    *(
        Fault(f"F61-{name}", MalformedToken, claims=octets)
        for name, octets in {
            "UTF-16": TEXT.encode("utf-16"),
            "UTF-16-LE": TEXT.encode("utf-16-le"),
            "UTF-32": TEXT.encode("utf-32"),
            "BOM": TEXT.encode("utf-8-sig"),
            "Latin-1": TEXT.replace("alice", "\xe4").encode("latin-1"),
            "surrogate": TEXT.replace("alice", r"\ud800").encode(),
            "array": f"[{TEXT}]".encode(),
            "null": b"null",
            "text": b'"x"',
            "nothing": b"",
        }.items()
    ),
    *(
        Fault(f"F62-{name}", MalformedToken, claims=duplicate(name, first, second))
        for name, first, second in [
            ("exp", 1, NOW + 300),
            ("exp", NOW + 300, NOW + 300),
            ("sub", '"alice"', '"admin"'),
            ("iss", '"x"', f'"{ISSUER}"'),
            ("aud", '"x"', f'"{AUDIENCE}"'),
        ]
    ),
    Fault(
        "F62-escaped",
        MalformedToken,
        claims=(TEXT[:-1] + r', "\u0073ub": "admin"}').encode(),
    ),
    *(
        Fault(f"F64-{name}-{value!r}", InvalidClaim, name, claims={name: value})
        for name in ("exp", "nbf", "iat")
        for value in NO_DATES
    ),
    *(
        Fault(f"F65-{len(text)}-{text[:6]}", error, claim, claims=payload_with(made))
        for text, error, claim in [
            ("9" * 400, InvalidClaim, "exp"),
            ("9" * 5000, MalformedToken, None),
            ("1e308", InvalidClaim, "exp"),
            ("1e400", MalformedToken, None),
            ("-1", InvalidClaim, "exp"),
            ("253402300800", InvalidClaim, "exp"),
            ("NaN", MalformedToken, None),
        ]
        for made in [f'"exp": {text}']
    ),
    *(
        Fault(
            f"F66-{late}-late-{leeway}-leeway",
            ExpiredToken,
            "exp",
            policy={"leeway": leeway},
            claims={"exp": NOW - late},
        )
        for late, leeway in [(0, 0), (1, 0), (30, 30), (31, 30)]
    ),
    Fault("F67-35", TokenNotYetValid, "nbf", claims={"nbf": NOW + 35}),
    Fault(
        "F67-1-without-leeway",
        TokenNotYetValid,
        "nbf",
        policy={"leeway": 0},
        claims={"nbf": NOW + 1},
    ),
    *(
        Fault(f"F68-{ahead}", TokenNotYetValid, "iat", claims={"iat": NOW + ahead})
        for ahead in (31, 61, 3600)
    ),
    *(
        Fault(f"F69-{index}", InvalidClaim, "aud", claims={"aud": aud})
        for index, aud in enumerate(
            [
                "https://other.test",
                AUDIENCE + "/",
                AUDIENCE + "2",
                AUDIENCE[:-1],
                AUDIENCE.upper(),
                f"{AUDIENCE} other",
                ["x"],
                [AUDIENCE, 1],
                [[AUDIENCE]],
                {AUDIENCE: 1},
                [],
                "",
                1,
            ]
        )
    ),
    *(
        Fault(f"F70-iss-{iss!r}", UntrustedIssuer, "iss", claims={"iss": iss})
        for iss in (5, None, "", [ISSUER], {}, ISSUER.upper())
    ),
    *(
        Fault(f"F70-sub-{sub!r}", InvalidClaim, "sub", claims={"sub": sub})
        for sub in (5, "", [], ["alice"], {}, True, "a\0")
    ),
    *(
        Fault(f"F72-{cty!r}", MalformedToken, "cty", header={"cty": cty})
        for cty in ("JWT", "jwt", "application/jwt", "x", None)
    ),
    Fault("F72-token-in-token", MalformedToken, claims=b"eyJhbGciOiJub25lIn0.e30."),
    *(
        Fault(f"F74-{name}", MalformedToken, raw=jwe(**members))
        for name, members in {
            "claims": {},
            "direct": {"alg": "dir"},
            "nested": {"cty": "JWT"},
            "iss": {"iss": ISSUER, "aud": AUDIENCE},
        }.items()
    ),
    *(
        Fault(f"G90-{aud!r}", InvalidClaim, "aud", claims={"aud": aud})
        for aud in (None, [], "")
    ),
    Fault("G90-missing", InvalidClaim, "aud", claims={"aud": ABSENT}),
]


@faults(
    [
        *FAULTS,
        *renumbered(FAULTS, "F61", "G87"),
        *renumbered(FAULTS, "F66", "H107"),
        *renumbered(FAULTS, "F69", "H105", "V249"),
        *renumbered(FAULTS, "F74", "F73", "G84", "H103"),
    ]
)
def test_one_fault_is_refused(fault):
    refuse(fault)


@requirement("F63")
def test_unknown_claims_are_ignored():
    accept({"claims": {"unknown": {"deep": [1, None, {"x": 0.5}]}, "https://x/y": 1}})


@pytest.mark.parametrize("exp", [NOW + 300, NOW + 0.5, float(NOW + 300)])
@requirement("F64")
def test_dates_are_numbers(exp):
    assert accept({"claims": {"exp": exp}}).expires_at == exp


@pytest.mark.parametrize(
    ("leeway", "problem"), [(0, []), (300, []), (301, ["W001"]), (3601, ["E011"])]
)
@requirement("F66", "H107")
def test_leeway_is_small(leeway, problem):
    _, problems = parse(issuer_settings(LEEWAY=leeway))
    assert [each.id for each in problems] == problem


@requirement("F67", "F68")
def test_clocks_may_differ_by_seconds():
    accept({"claims": {"nbf": NOW + 10, "iat": NOW + 10}})


@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["https://x.test", AUDIENCE]])
@requirement("F69", "H105", "V249")
def test_one_of_the_audiences_is_ours(aud):
    accept({"claims": {"aud": aud}})


@pytest.mark.parametrize("sub", ["a:b c", "mailto:", "urn:x:y", "HTTP://A.test/%7e"])
@requirement("F71")
def test_a_subject_is_kept_as_it_stands(sub):
    assert accept({"claims": {"sub": sub}}).subject == sub


@requirement("F75")
def test_hmac_goes_with_a_shared_secret_alone():
    assert not any(name.startswith("HS") for name in DEFAULT_ALGORITHMS)
    for profile in PROFILES.values():
        assert not any(name.startswith("HS") for name in profile.get("ALGORITHMS", ()))
    for edits in (
        {"ALGORITHMS": ["HS256"]},
        {"SHARED_SECRET": "x" * 32, "ALGORITHMS": ["HS256", "RS256"]},
    ):
        assert [p.id for p in parse(issuer_settings(**edits))[1]] == ["E009"]


@requirement("F70")
def test_a_null_subject_is_an_absent_one():
    """Null names nobody: what is left is a machine's token, or nobody's."""
    assert accept({"claims": {"sub": None}}).is_machine
    with pytest.raises(InvalidToken):
        accept({"claims": {"sub": None, "client_id": ABSENT}})
