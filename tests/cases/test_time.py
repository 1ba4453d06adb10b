"""Section C: when a token counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from django_oidc_rs.core.errors import (
    ExpiredToken,
    InvalidClaim,
    MalformedToken,
    TokenNotYetValid,
)
from tests.cases.trying import Case, check, policy_of, problems_of
from tests.core.builders import (
    ABSENT,
    NOW,
    FakeKeys,
    claims,
    key_set,
    server,
    sign,
    validator,
)

NOT_DATES = ["1800000300", "", None, True, [], {}, -1, 1e300, 253402300800]
AGED = {"MAX_TOKEN_AGE": 600}


def with_exp(text):
    """Return claims as JSON whose ``exp`` no writer of JSON would write."""
    usual = claims(exp=ABSENT)
    members = ", ".join(f'"{name}": "{usual[name]}"' for name in ("iss", "sub", "aud"))
    return f'{{{members}, "exp": {text}}}'.encode()


CASES = {
    "TM-01": Case(
        raises=ExpiredToken, at="exp", settings={"LEEWAY": 0}, claims={"exp": NOW - 1}
    ),
    "TM-01-now": Case(
        raises=ExpiredToken, at="exp", settings={"LEEWAY": 0}, claims={"exp": NOW}
    ),
    "TM-01-ahead": Case(settings={"LEEWAY": 0}, claims={"exp": NOW + 1}),
    # Refused when now >= exp + leeway.
    "TM-03-inside": Case(settings={"LEEWAY": 60}, claims={"exp": NOW - 59}),
    "TM-03-edge": Case(
        raises=ExpiredToken, at="exp", settings={"LEEWAY": 60}, claims={"exp": NOW - 60}
    ),
    "TM-03-past": Case(
        raises=ExpiredToken, at="exp", settings={"LEEWAY": 60}, claims={"exp": NOW - 61}
    ),
    "TM-04": Case(raises=InvalidClaim, at="exp", claims={"exp": ABSENT}),
    "TM-04-not-required": Case(
        raises=InvalidClaim,
        at="exp",
        settings={"REQUIRED_CLAIMS": ["sub"]},
        claims={"exp": ABSENT},
    ),
    "TM-05": Case(claims={"exp": NOW + 0.5}, facts={"expires_at": NOW + 0.5}),
    "TM-05-past": Case(raises=ExpiredToken, at="exp", claims={"exp": NOW - 30.5}),
    **{
        f"TM-06-{value!r}": Case(raises=InvalidClaim, at="exp", claims={"exp": value})
        for value in NOT_DATES
    },
    **{
        f"TM-06-json-{text}": Case(raises=MalformedToken, claims=with_exp(text))
        for text in ("NaN", "Infinity", "-Infinity", "1e400", "9" * 5000)
    },
    "TM-07": Case(raises=TokenNotYetValid, at="nbf", claims={"nbf": NOW + 31}),
    "TM-07-edge": Case(claims={"nbf": NOW + 30}),
    "TM-07-text": Case(raises=InvalidClaim, at="nbf", claims={"nbf": "0"}),
    "TM-09": Case(claims={"nbf": ABSENT, "iat": ABSENT}, facts={"issued_at": None}),
    "TM-10": Case(raises=TokenNotYetValid, at="iat", claims={"iat": NOW + 31}),
    "TM-10-edge": Case(claims={"iat": NOW + 30}),
    "TM-11": Case(
        raises=ExpiredToken, at="iat", settings=AGED, claims={"iat": NOW - 631}
    ),
    "TM-11-edge": Case(
        raises=ExpiredToken, at="iat", settings=AGED, claims={"iat": NOW - 630}
    ),
    "TM-11-inside": Case(settings=AGED, claims={"iat": NOW - 629}),
    "TM-12": Case(raises=InvalidClaim, at="iat", settings=AGED, claims={"iat": ABSENT}),
}


@pytest.mark.parametrize("case", CASES)
def test_time(case):
    check(CASES[case])


@pytest.mark.parametrize(
    "age", [pytest.param(age, id=f"TM-13-{age!r}") for age in (0, False, -1, "600")]
)
def test_no_age_is_taken_for_none(age):
    """Zero is a mistake that somebody is told of, and not "off"."""
    assert problems_of({"MAX_TOKEN_AGE": age})


@pytest.mark.parametrize("age", [pytest.param(0, id="TM-13")])
def test_an_age_of_zero_is_enforced(age):
    policy = replace(policy_of({"LEEWAY": 0}), max_token_age=age)
    tried = server(validator(policy, FakeKeys(key_set())))
    with pytest.raises(ExpiredToken):
        tried.validate(sign())
