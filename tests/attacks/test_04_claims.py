"""Catalogue, section 4: times and audiences, and what the rules let pass."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    InvalidToken,
    MalformedToken,
    TokenNotYetValid,
    TokenTooLong,
)
from tests.attacks.staging import (
    OK,
    faults_of,
    merged,
    strike_fault,
)
from tests.core.builders import ABSENT, AUDIENCE, ISSUER, NOW
from tests.core.faults import Fault
from tests.core.faults.crafting import payload_with
from tests.settings_faults import issuer as settings_of_issuer

pytestmark = [pytest.mark.urls("tests.attacks.apis"), pytest.mark.django_db]

LONGEST = 1_048_576
YEAR_9999 = 253402300799
METADATA = "http://169.254.169.254/latest/meta-data"


def claim(name, value, raises=InvalidClaim, **more):
    return Fault("", raises, name, claims={name: value}, **more)


def audience_is(value):
    return claim("aud", value)


TIMES = merged(
    faults_of(65),
    {
        "A65-null": claim("exp", None),
        "A65-other-spelling": Fault(
            "",
            InvalidClaim,
            "exp",
            claims={"exp": ABSENT, "Exp": NOW + 9, "EXP": NOW + 9},
        ),
        "A65-expires_in": Fault(
            "", InvalidClaim, "exp", claims={"exp": ABSENT, "expires_in": 300}
        ),
    },
    {
        name: fault
        for name, fault in faults_of(67).items()
        if fault.claim in {"exp", None}
    },
    {
        f"A67-exp-{name}": claim("exp", value)
        for name, value in {
            "digits": str(NOW + 300),
            "iso": "2999-01-01T00:00:00Z",
            "infinity-text": "Infinity",
            "nested": {"$date": NOW + 300},
            "huge": 10**30,
        }.items()
    },
    faults_of(68),
    {
        "A68-max-age": Fault(
            "",
            ExpiredToken,
            "iat",
            policy={"max_token_age": 600},
            claims={"exp": YEAR_9999, "iat": NOW - 631},
        ),
        "A68-max-age-without-iat": Fault(
            "",
            InvalidClaim,
            "iat",
            policy={"max_token_age": 600},
            claims={"exp": YEAR_9999, "iat": ABSENT},
        ),
        "A68-milliseconds": claim("exp", (NOW + 300) * 1000),
    },
    faults_of(70),
    {
        f"A70-{name}-{what}": claim(name, value)
        for name in ("nbf", "iat")
        for what, value in {
            "text": str(NOW - 9),
            "true": True,
            "list": [NOW],
            "null": None,
            "object": {},
        }.items()
    },
    {
        f"A70-{name}-year-9999": claim(name, YEAR_9999, TokenNotYetValid)
        for name in ("nbf", "iat")
    },
    {
        f"A70-{name}-{value}": Fault(
            "", MalformedToken, claims=payload_with(f'"exp": {NOW + 9}, "x": {value}')
        )
        for name, value in (("nbf", "NaN"), ("iat", "-Infinity"))
    },
)

AUDIENCES = merged(
    faults_of(77),
    {
        "A77-list-of-empty": audience_is([""]),
        "A77-list-of-null": audience_is([None]),
        "A77-azp-instead": Fault(
            "", InvalidClaim, "aud", claims={"aud": ABSENT, "azp": AUDIENCE}
        ),
        "A77-scope-instead": Fault(
            "",
            InvalidClaim,
            "aud",
            claims={"aud": ABSENT, "scope": f"read {AUDIENCE}", "resource": AUDIENCE},
        ),
    },
    faults_of(79),
    {
        f"A79-{name}": audience_is(value)
        for name, value in {
            "shorter": AUDIENCE[:-1],
            "inside": f"x{AUDIENCE}x",
            "one-letter": "h",
            "all-letters": list(AUDIENCE),
            "path": f"{AUDIENCE}/v1",
            "wildcard": "*",
            "comma": f"{AUDIENCE},{AUDIENCE}",
            "blank": f" {AUDIENCE}",
            "nul": f"{AUDIENCE}\0",
            "in-object-in-list": [{"aud": AUDIENCE}],
            "deeper": [[[AUDIENCE]]],
            "issuer": ISSUER,
            "null-beside": [AUDIENCE, None],
        }.items()
    },
    {
        "A80-10-000-too-long": Fault(
            "", TokenTooLong, claims={"aud": [*map(str, range(10_000)), AUDIENCE]}
        ),
        "A80-10-000-without-ours": Fault(
            "",
            InvalidClaim,
            "aud",
            claims={"aud": [*map(str, range(10_000))]},
            max_token_length=LONGEST,
        ),
    },
)

ROWS = merged(TIMES, AUDIENCES)


@pytest.mark.parametrize("row", ROWS)
def test_one_wrong_claim_is_enough(row, caplog, monkeypatch):
    strike_fault(ROWS[row], caplog, monkeypatch)


GOOD = {
    "A68-year-9999-without-policy": {"claims": {"exp": YEAR_9999}},
    "A80-300": {"claims": {"aud": [*map(str, range(300)), AUDIENCE]}},
    "A80-10-000": {
        "claims": {"aud": [*map(str, range(10_000)), AUDIENCE]},
        "max_token_length": LONGEST,
    },
    "A83-at+jwt": {"header": {"typ": "at+jwt"}},
    "A83-upper-case": {"header": {"typ": "AT+JWT"}},
    "A83-at+JWT": {"header": {"typ": "at+JWT"}},
    "A83-application": {"header": {"typ": "application/at+jwt"}},
    "A83-application-upper-case": {"header": {"typ": "APPLICATION/AT+JWT"}},
    "A83-JWT": {"header": {"typ": "JWT"}},
    "A83-absent": {"header": {"typ": ABSENT}},
    "A83-strict-application": {
        "good": "rfc9068",
        "header": {"typ": "application/at+jwt"},
    },
    # No request either: status lists are not read.
    "A88-well-signed": {
        "claims": {"status": {"status_list": {"idx": 1, "uri": METADATA}}}
    },
}


@pytest.mark.parametrize("row", GOOD)
def test_what_the_rule_lets_pass(row, caplog, monkeypatch):
    strike_fault(Fault("", InvalidToken, **GOOD[row]), caplog, monkeypatch, OK)


@pytest.mark.parametrize(
    "leeway",
    [
        pytest.param(value, id=f"A69-{value}")
        for value in (10**9, 3601, 10**400, float("inf"), float("nan"), -1)
    ],
)
def test_leeway_has_an_end(leeway):
    with override_settings(OIDC_RS=settings_of_issuer(LEEWAY=leeway)):
        problems = [each for each in run_checks() if each.is_serious()]
    assert [problem.id for problem in problems] == ["django_oidc_rs.E011"]
