"""Section D: issuer, audience, required claims, RFC 9068."""

from __future__ import annotations

import pytest

from django_oidc_rs.conf import parse
from django_oidc_rs.core.errors import (
    InvalidClaim,
    InvalidToken,
    NotAnAccessToken,
    UntrustedIssuer,
)
from tests.attacks.harness import HANDLERS, Sent
from tests.attacks.surface import over_every_handler
from tests.cases.trying import Case, check, policy_of
from tests.core import builders
from tests.core.builders import ABSENT, AUDIENCE, ISSUER, server, sign, validator

STRICT = {"PROFILE": "rfc9068"}
HERE = "tests.cases.test_issuer_audience"


def gold_alone(access_token):
    if access_token.claim("tier") != "gold":
        raise InvalidToken(claim="tier", reason="not_gold")


def no_verdict(access_token):
    return access_token.claim("tier") == "gold"


def broken(access_token):
    raise ZeroDivisionError("a fault of the project")


CASES = {
    **{
        f"CL-01-{name}": Case(raises=UntrustedIssuer, at="iss", claims={"iss": issuer})
        for name, issuer in {
            "slash": f"{ISSUER}/",
            "case": ISSUER.upper(),
            "port": f"{ISSUER}:443",
            "scheme": ISSUER.replace("https", "http"),
            "blank": f"{ISSUER} ",
        }.items()
    },
    **{
        f"CL-02-{issuer!r}": Case(
            raises=UntrustedIssuer, at="iss", claims={"iss": issuer}
        )
        for issuer in (None, 1, True, [ISSUER], {ISSUER: 1})
    },
    "CL-02-missing": Case(raises=UntrustedIssuer, at="iss", claims={"iss": ABSENT}),
    "CL-03": Case(claims={"aud": AUDIENCE}, facts={"audience": (AUDIENCE,)}),
    "CL-04": Case(
        claims={"aud": ["https://x.test", AUDIENCE]},
        facts={"audience": ("https://x.test", AUDIENCE)},
    ),
    "CL-05": Case(
        raises=InvalidClaim, at="aud", claims={"aud": ["https://x.test", "y"]}
    ),
    "CL-07": Case(raises=InvalidClaim, at="aud", claims={"aud": ABSENT}),
    "CL-07-null": Case(raises=InvalidClaim, at="aud", claims={"aud": None}),
    **{
        f"CL-09-{audience!r}": Case(
            raises=InvalidClaim, at="aud", claims={"aud": audience}
        )
        for audience in ([], [1], {}, 1, True, "", [AUDIENCE, 1], [[AUDIENCE]])
    },
    "CL-10": Case(
        raises=InvalidClaim,
        at="aud",
        settings={"AUDIENCE": [AUDIENCE, "https://slash.test/"]},
        claims={"aud": "https://slash.test"},
    ),
    "CL-10-the-other-way": Case(
        raises=InvalidClaim, at="aud", claims={"aud": f"{AUDIENCE}/"}
    ),
    "CL-11": Case(settings=STRICT, facts={"subject": "alice", "client_id": "app"}),
    **{
        f"CL-11-without-{claim}": Case(
            raises=InvalidClaim, at=claim, settings=STRICT, claims={claim: ABSENT}
        )
        for claim in ("exp", "aud", "sub", "client_id", "iat", "jti")
    },
    "CL-11-without-typ": Case(
        raises=NotAnAccessToken, at="typ", settings=STRICT, header={"typ": ABSENT}
    ),
    "CL-13": Case(
        raises=NotAnAccessToken,
        at="at_hash",
        header={"typ": "JWT"},
        claims={"nonce": "n", "at_hash": "h", "aud": "app"},
    ),
    "CL-13-audience-alone": Case(
        raises=InvalidClaim, at="aud", header={"typ": "JWT"}, claims={"aud": "app"}
    ),
    "CL-13-for-us": Case(
        raises=NotAnAccessToken,
        at="nonce",
        header={"typ": "JWT"},
        claims={"nonce": "n"},
    ),
    "CL-13-strict": Case(
        raises=NotAnAccessToken,
        at="typ",
        settings=STRICT,
        header={"typ": "JWT"},
        claims={"nonce": "n", "at_hash": "h"},
    ),
    **{
        f"CL-14-{claim}-{value!r}": Case(
            raises=InvalidClaim, at=claim, settings=STRICT, claims={claim: value}
        )
        for claim in ("sub", "jti", "client_id")
        for value in (1, True, [], {}, ["alice"], "")
    },
    **{
        f"CL-17-{claim}": Case(
            raises=InvalidClaim, at=claim, settings=settings, claims={claim: None}
        )
        for claim, settings in {
            "sub": STRICT,
            "jti": STRICT,
            "iat": STRICT,
            "client_id": STRICT,
        }.items()
    },
}


@pytest.mark.parametrize("case", CASES)
def test_issuer_and_audience(case):
    check(CASES[case])


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="CL-08"),
        pytest.param({"AUDIENCE": ""}, id="CL-08-empty"),
        pytest.param({"AUDIENCE": []}, id="CL-08-none"),
        pytest.param({"AUDIENCE": None}, id="CL-08-null"),
        pytest.param({"AUDIENCE": "*"}, id="CL-08-any"),
    ],
)
def test_no_audience_is_an_error(settings):
    """Never an API that takes every token of its issuer."""
    _, problems = parse({**settings, "ISSUERS": {"default": {"ISSUER": ISSUER}}})
    assert [problem.is_error for problem in problems] == [True]
    assert "AUDIENCE" in f"{problems[0].message} {problems[0].hint}"


def judged(validator_name, **claims):
    """Return a resource server with one validator of a project's, and a token."""
    policy = policy_of({"VALIDATORS": [f"{HERE}.{validator_name}"]})
    made = sign(builders.claims(**claims))
    return server(validator(policy)), made


@pytest.mark.parametrize(
    ("tier", "is_good"),
    [
        pytest.param("gold", True, id="CL-15"),
        pytest.param("silver", False, id="CL-15-silver"),
        pytest.param(ABSENT, False, id="CL-15-missing"),
    ],
)
def test_a_rule_of_the_project_says_its_name(tier, is_good):
    tried, raw_token = judged("gold_alone", tier=tier)
    if is_good:
        assert tried.validate(raw_token).claim("tier") == "gold"
        return
    with pytest.raises(InvalidToken) as caught:
        tried.validate(raw_token)
    assert (caught.value.status, caught.value.reason) == (401, "not_gold")
    assert "not_gold" in str(caught.value)


@pytest.mark.urls("tests.attacks.surface")
@pytest.mark.django_db
@over_every_handler
@pytest.mark.parametrize("url", ["/drf", "/view", "/aview", "/public"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("broken", "ZeroDivisionError", id="CL-16"),
        # A rule that answers instead of raising would never refuse anybody.
        pytest.param("no_verdict", "TypeError", id="CL-16-answers"),
    ],
)
def test_a_rule_that_breaks_is_never_a_yes(
    name, said, url, handler, issuer, settings, caplog
):
    default = {
        **settings.OIDC_RS["ISSUERS"]["default"],
        "VALIDATORS": [f"{HERE}.{name}"],
    }
    settings.OIDC_RS = {**settings.OIDC_RS, "ISSUERS": {"default": default}}
    raw = issuer.access_token("alice", ["read"], tier="gold")
    assert HANDLERS[handler](url, Sent((f"Bearer {raw}",))).status == 500
    [record] = [each for each in caplog.records if each.exc_info]
    assert said in caplog.text
    assert record.name == "django.request"


@pytest.mark.parametrize(
    ("tenant", "is_good"),
    [
        pytest.param("a", True, id="CL-17-present"),
        pytest.param(0, True, id="CL-17-zero"),
        pytest.param(None, False, id="CL-17-null"),
        pytest.param(ABSENT, False, id="CL-17-missing"),
    ],
)
def test_null_is_no_value_of_a_required_claim(tenant, is_good):
    policy = policy_of({"REQUIRED_CLAIMS": ["exp", "tenant"]})
    tried = server(validator(policy))
    raw_token = sign(builders.claims(tenant=tenant))
    if is_good:
        assert tried.validate(raw_token)
        return
    with pytest.raises(InvalidClaim) as caught:
        tried.validate(raw_token)
    assert (caught.value.claim, caught.value.reason) == ("tenant", "missing")
