"""V: the best current practice for OAuth 2.0 security."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.cache import cache

from django_oidc_rs.core.errors import UnconfirmedToken
from tests.core.faults.records import Fault

from .http import asks_views, challenge, good, on_every_view, send
from .support import faults, refuse, requirement

CNF = ({"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": {}}, {"kid": "k1"}, {}, None, "x")


@faults(
    Fault(f"V248-{index}", UnconfirmedToken, "cnf", claims={"cnf": cnf})
    for index, cnf in enumerate(CNF)
)
def test_a_bound_token_is_not_taken_for_a_bearer_token(fault):
    refuse(fault)


@asks_views
@on_every_view
@requirement("V249")
def test_the_audience_is_checked_on_every_view(url, fake_issuer):
    raw_token = good(fake_issuer, aud="https://other.test")
    response = send(url, f"Bearer {raw_token}")
    assert response.status_code == 401
    assert challenge(response).parameters["error"] == "invalid_token"


@asks_views
@on_every_view
@requirement("V250")
def test_scopes_are_demanded_of_every_method(url, fake_issuer):
    poor, rich = fake_issuer.access_token("alice", ["other"]), good(fake_issuer)
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        assert send(url, f"Bearer {poor}", method=method).status_code == 403
        assert send(url, f"Bearer {rich}", method=method).status_code == 200
        assert send(url, method=method).status_code == 401


@asks_views
@on_every_view
@pytest.mark.parametrize("authorization", [None, "Bearer x.y.z"])
@requirement("V250")
def test_options_is_no_way_around(authorization, url, fake_issuer):
    assert send(url, authorization, method="OPTIONS").status_code == 401


@asks_views
@requirement("V250")
def test_a_method_may_want_its_own_scope(fake_issuer):
    reader = f"Bearer {fake_issuer.access_token('alice', ['read'])}"
    assert send("/by-method", reader).status_code == 200
    assert send("/by-method", reader, method="POST").status_code == 403
    # What is not configured is denied.
    assert send("/by-method", reader, method="DELETE").status_code == 403


@asks_views
@on_every_view
@pytest.mark.parametrize("edits", [{}, {"exp": 1}])
@requirement("V251")
def test_the_token_is_kept_nowhere(edits, url, fake_issuer, caplog):
    cache.clear()
    raw_token = good(fake_issuer, **edits)
    with caplog.at_level("DEBUG", logger="django_oidc_rs"):
        response = send(url, f"Bearer {raw_token}")
    stored = [
        str(list(model.objects.values()))
        for model in apps.get_models()
        if model.objects.exists()
    ]
    told = f"{response.content!r} {dict(response.headers)}"
    for part in raw_token.split("."):
        assert part not in caplog.text
        assert part not in told
        assert not any(part in rows for rows in stored)
    assert not cache._cache


@asks_views
@pytest.mark.parametrize(
    "name", ["X-Client-Cert", "SSL-Client-Cert", "X-Forwarded-User", "Remote-User"]
)
@requirement("V252")
def test_no_header_of_a_proxy_is_believed(name, fake_issuer):
    response = send("/drf", headers={name: "alice"})
    assert response.status_code == 401
    bound = good(fake_issuer, cnf={"x5t#S256": "x"})
    response = send("/drf", f"Bearer {bound}", headers={name: "alice"})
    assert response.status_code == 401
