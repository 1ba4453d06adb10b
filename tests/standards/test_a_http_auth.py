"""A: the HTTP authentication framework."""

from __future__ import annotations

import django
import pytest

from django_oidc_rs.checks import check_environment
from tests.attacks.harness import HANDLERS, Sent
from tests.http_answers import assert_shareable_by_nobody
from tests.http_syntax import parse_challenge

from .http import challenge, good, of_views, on_every_view, send
from .support import requirement, rows

pytestmark = of_views

CREDENTIALS = {
    "A2-none": None,
    "A2-garbage": "Bearer x.y.z",
    "A2-another-scheme": "Basic YTpi",
    "A2-dpop": "DPoP x.y.z",
    "A2-too-long": "Bearer " + "a" * 20000,
}


@on_every_view
@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
@requirement("A1")
def test_the_scheme_in_any_case(scheme, url, fake_issuer):
    assert send(url, f"{scheme} {good(fake_issuer)}").status_code == 200


@on_every_view
@rows("authorization", CREDENTIALS)
def test_a_401_has_a_challenge(authorization, url, fake_issuer):
    response = send(url, authorization)
    assert response.status_code == 401
    assert challenge(response).scheme == "Bearer"


@rows("authorization", CREDENTIALS)
def test_the_middleware_challenges_too(authorization, fake_issuer, settings):
    middleware = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"
    assert send("/open").status_code == 200
    settings.MIDDLEWARE = [middleware]
    response = send("/open", authorization)
    assert response.status_code == 401
    assert challenge(response).scheme == "Bearer"


@on_every_view
@requirement("A3")
def test_nothing_breaks_a_parameter(url, fake_issuer):
    key, claims = fake_issuer.key, fake_issuer.claims()
    for evil in ('"', "\\", "\r\nX: y", "\x7f", "\xe9", '", a="'):
        named = key.sign(claims, {"alg": key.algorithm, "kid": evil})
        issued = key.sign({**claims, "iss": evil})
        for text in (f"{evil} x", f" {evil}", f" {named}", f" {issued}"):
            response = send(url, f"Bearer{text}")
            assert response.status_code in {400, 401}
            assert challenge(response).parameters["realm"] == "api"


@on_every_view
@pytest.mark.parametrize("handler", HANDLERS)
@requirement("A4")
def test_two_fields_are_malformed(handler, url, fake_issuer):
    own = f"Bearer {good(fake_issuer)}"
    for other in (own, "Bearer x.y.z", "Basic YTpi", "DPoP x.y.z", ""):
        for fields in ((own, other), (other, own)):
            answer = HANDLERS[handler](url, Sent(fields))
            assert answer.status == 400
            parameters = parse_challenge(answer.one("WWW-Authenticate")).parameters
            assert parameters["error"] == "invalid_request"


@on_every_view
@pytest.mark.parametrize("authorization", ["good", "Bearer x.y.z", "Bearer", None])
@requirement("A5")
def test_no_shared_cache_keeps_the_answer(authorization, url, fake_issuer):
    if authorization == "good":
        authorization = f"Bearer {good(fake_issuer)}"
    assert_shareable_by_nobody(send(url, authorization))


@pytest.mark.parametrize("version", [(5, 2, 12), (6, 0, 3)])
@requirement("A6")
def test_a_django_that_confuses_header_names_is_refused(version, monkeypatch):
    assert check_environment(None) == []
    monkeypatch.setattr(django, "VERSION", (*version, "final", 0))
    assert [error.id for error in check_environment(None)] == ["django_oidc_rs.E024"]


@pytest.mark.parametrize("name", ["X-Authorization", "Proxy-Authorization", "Bearer"])
@requirement("A6")
def test_no_other_header_is_read(name, fake_issuer):
    response = send("/drf", headers={name: f"Bearer {good(fake_issuer)}"})
    assert response.status_code == 401
    assert "error" not in challenge(response).parameters
