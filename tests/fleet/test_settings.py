"""Settings that cannot work are errors at start, each with its case's ID."""

from __future__ import annotations

import pytest
from django.test import override_settings

from django_oidc_rs.conf import parse

ISSUER = "https://issuer.test"
NAN = float("nan")


def problems(issuer, **top):
    settings = {"AUDIENCE": "https://api.test", "ISSUERS": {"default": issuer}, **top}
    _, found = parse(settings)
    return [problem.id for problem in found]


def keys(**values):
    return {"ISSUER": ISSUER, "KEYS": values}


def test_the_good_one_has_no_problem():
    assert problems(keys(DEFAULT_AGE=600, COOLDOWN=30, STALE_IF_ERROR=0)) == []


@pytest.mark.parametrize(
    ("issuer", "code"),
    [
        pytest.param(keys(COOLDOWN=600, DEFAULT_AGE=600), "E017", id="JC-30 cooldown"),
        pytest.param(keys(COOLDOWN=-1), "E017", id="JC-30 negative"),
        pytest.param(keys(COOLDOWN=NAN), "E017", id="JC-30 no number"),
        pytest.param(keys(DEFAULT_AGE=1), "E017", id="JC-30 shorter than a fetch"),
        pytest.param(keys(DEFAULT_AGE=NAN), "E017", id="JC-30 no age"),
        pytest.param(keys(STALE_IF_ERROR=-1), "E017", id="JC-30 negative staleness"),
        pytest.param(
            keys(REFRESH="command", MAX_STALE=0), "E017", id="JC-30 never usable"
        ),
        pytest.param({"ISSUER": "https://u:p@h.test"}, "E006", id="DI-09 userinfo"),
        pytest.param({"ISSUER": f"{ISSUER}/?a=b"}, "E006", id="DI-09 query"),
        pytest.param({"ISSUER": f"{ISSUER}/#a"}, "E006", id="DI-09 fragment"),
        pytest.param({"ISSUER": "http://idp.test"}, "E013", id="DI-10 plain http"),
        pytest.param(
            {"ISSUER": ISSUER, "JWKS_URI": "http://idp.test/jwks"},
            "E013",
            id="DI-10 keys by plain http",
        ),
    ],
)
@pytest.mark.parametrize("debug", [False, True], ids=["", "DEBUG"])
def test_an_error_at_start(issuer, code, debug):
    with override_settings(DEBUG=debug):
        assert problems(issuer) == [code]


def test_di_10_a_listed_host_may_be_asked_by_plain_http():
    allowed = {"ALLOW_INSECURE": ["idp.test"]}
    assert problems({"ISSUER": "http://idp.test"}, HTTP=allowed) == ["W002"]
