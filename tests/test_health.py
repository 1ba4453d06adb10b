"""Health: three states, no outbound call, nothing secret."""

import json

import pytest
from django.test import RequestFactory, override_settings

from django_oidc_rs import health
from django_oidc_rs.testing import FakeIssuer, SigningKey, install

from .settings_faults import top


@pytest.fixture
def two(clock):
    """A fetched issuer and one whose keys stand in settings."""
    raw = top(
        ISSUERS={
            "fetched": {"ISSUER": "https://one.test", "SCOPES": []},
            "written": {
                "ISSUER": "three",
                "JWKS": {"keys": [SigningKey("ES256").public_jwk()]},
                "SCOPES": [],
            },
        }
    )
    with override_settings(OIDC_RS=raw):
        issuer = FakeIssuer(clock=clock)
        with install(issuer, clock=clock):
            yield issuer


def ask(method="get"):
    response = health.view(getattr(RequestFactory(), method)("/health/"))
    return response, json.loads(response.content or "{}")


def validate(issuer):
    from django_oidc_rs.wiring import get_resource_server

    get_resource_server().validate(issuer.access_token("a"))


TIMES = ("age", "usable_for", "next_attempt")


def test_hl_01_no_keys_is_503(two):
    response, told = ask()
    assert response.status_code == 503
    assert told["state"] == "no_keys"
    fetched, written = told["issuers"]
    assert (fetched["alias"], fetched["state"]) == ("fetched", "no_keys")
    assert (written["alias"], written["state"]) == ("written", "healthy")
    assert (written["keys"], written["age"], written["usable_for"]) == (1, None, None)


def test_hl_01_fresh_and_stale_are_200(two, clock):
    validate(two)
    response, told = ask()
    assert (response.status_code, told["state"]) == (200, "healthy")
    two.fail("tls")
    clock.advance(3600)
    validate(two)
    response, told = ask()
    assert (response.status_code, told["state"]) == (200, "stale")
    assert told["issuers"][0]["last_error"] == "tls"
    assert told["issuers"][0]["next_attempt"] > 0
    assert [type(told["issuers"][0][name]) for name in TIMES] == [int] * 3


def test_hl_02_the_probe_asks_no_issuer(two, clock):
    ask()
    assert two.fetches == []
    validate(two)
    asked = list(two.fetches)
    clock.advance(3600)
    ask()
    assert two.fetches == asked


def test_nothing_secret_is_told(two):
    validate(two)
    _, told = ask()
    assert set(told["issuers"][0]) == {
        "alias",
        "issuer",
        "state",
        "keys",
        "age",
        "usable_for",
        "last_error",
        "next_attempt",
    }


def test_the_view_is_for_probes(two):
    response, _ = ask("head")
    assert response.status_code == 503
    assert "no-store" in response["Cache-Control"]
    response, _ = ask("post")
    assert response.status_code == 405
    assert health.view.access_token_required is False


def test_status_in_python(two):
    validate(two)
    status = health.status()
    assert status.state == "healthy"
    assert [each.alias for each in status.issuers] == ["fetched", "written"]
    assert status.issuers[0].keys.state == "healthy"
