"""B: bearer token usage."""

from __future__ import annotations

import json

import pytest
from django.contrib.sessions.models import Session

from django_oidc_rs.conf import parse
from django_oidc_rs.core.challenges import Challenge
from django_oidc_rs.decorators import scope_required
from django_oidc_rs.rest_framework import HasScope
from tests.http_answers import assert_refusal
from tests.settings_faults import issuer as issuer_settings

from .http import SCOPE, challenge, good, of_views, on_every_view, send
from .support import requirement, rows

pytestmark = of_views

FORM = "application/x-www-form-urlencoded"
MULTIPART = (
    '--x\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n{}\r\n--x--\r\n'
)


@on_every_view
@requirement("B7", "V254")
def test_the_header_is_a_way_in(url, fake_issuer):
    assert send(url, f"Bearer {good(fake_issuer)}").status_code == 200


@on_every_view
@rows(
    "case",
    {
        "B8-no-token": ("Bearer", 400),
        "B8-empty": ("Bearer ", 400),
        "B8-two-spaces": ("Bearer  {}", 400),
        "B8-tab": ("Bearer\t{}", 400),
        "B8-two-words": ("Bearer {} b", 400),
        "B8-trailing-space": ("Bearer {} ", 400),
        "B8-comma": ("Bearer {},", 400),
        "B8-not-ASCII": ("Bearer {}\xf6", 400),
        "B8-control": ("Bearer {}\x01", 400),
        "B8-no-b64token": ("Bearer <{}>", 401),
        "B8-padding-inside": ("Bearer ={}", 401),
    },
)
def test_other_credentials_are_malformed(case, url, fake_issuer):
    text, status = case
    error = {400: "invalid_request", 401: "invalid_token"}[status]
    response = send(url, text.format(good(fake_issuer)))
    assert response.status_code == status
    assert challenge(response).parameters["error"] == error


@pytest.mark.parametrize("beside", ["query", "form"])
@pytest.mark.parametrize("copy", ["{}", "x.y.z"])
@requirement("B9")
def test_a_second_copy_elsewhere_is_not_looked_at(copy, beside, fake_issuer):
    token = good(fake_issuer)
    url, body = "/drf", f"access_token={copy.format(token)}"
    if beside == "query":
        url, body = f"{url}?{body}", ""
    response = send(url, f"Bearer {token}", method="POST", data=body, content_type=FORM)
    assert response.status_code == 200


@on_every_view
@rows(
    "case",
    {
        "B10-form": ("POST", FORM, "access_token={}"),
        "B10-form-of-a-GET": ("GET", FORM, "access_token={}"),
        "B10-json": ("POST", "application/json", '{{"access_token": "{}"}}'),
        "B10-multipart": ("POST", "multipart/form-data; boundary=x", MULTIPART),
        "B10-PUT": ("PUT", FORM, "access_token={}"),
    },
)
def test_a_token_in_the_body_is_none(case, url, fake_issuer):
    method, content_type, body = case
    response = send(
        url,
        method=method,
        data=body.format(good(fake_issuer)),
        content_type=content_type,
    )
    assert_no_credentials(response, url)


@on_every_view
@requirement("B11", "V254")
def test_a_token_in_the_query_is_none(url, fake_issuer, caplog):
    token = good(fake_issuer)
    with caplog.at_level("DEBUG", logger="django_oidc_rs"):
        assert_no_credentials(send(f"{url}?access_token={token}"), url)
    assert token not in caplog.text


@on_every_view
@requirement("B13", "B14", "B15", "B17")
def test_no_credentials_are_told_so(url, fake_issuer):
    assert_no_credentials(send(url), url)


@on_every_view
@pytest.mark.parametrize(
    ("authorization", "status", "error"),
    [
        ("Bearer", 400, "invalid_request"),
        ("Bearer x.y.z", 401, "invalid_token"),
        ("poor", 403, "insufficient_scope"),
    ],
)
@requirement("B13", "B14", "B15", "B18", "B20")
def test_each_refusal_has_its_status_and_code(
    authorization, status, error, url, fake_issuer
):
    if authorization == "poor":
        authorization = f"Bearer {fake_issuer.access_token('alice', ['other'])}"
    response = send(url, authorization)
    assert response.status_code == status
    # The parser refuses a bare scheme and a parameter that stands twice.
    assert challenge(response).parameters["error"] == error


@pytest.mark.parametrize("scope", ['re"ad', "re\\ad", "re ad", "", "r\xe9ad", "\n"])
@requirement("B16")
def test_a_scope_that_would_break_the_header_does_not_start(scope):
    _, problems = parse(issuer_settings(SCOPES=[scope]))
    assert {problem.id for problem in problems} <= {"E003", "E014"}
    assert problems
    for demand in (scope_required, HasScope):
        with pytest.raises(ValueError, match="scope"):
            demand(scope)


@requirement("B19")
def test_a_description_keeps_to_its_characters():
    for code in (*range(0x20), 0x22, 0x5C, *range(0x7F, 0x100), 0x2028):
        made = Challenge(realm="api", error="x", error_description=f"a{chr(code)}b")
        assert str(made) == 'Bearer realm="api", error="x", error_description="a?b"'


@on_every_view
@pytest.mark.parametrize("granted", [[], ["read"], ["list"], ["admin"]])
@requirement("B21")
def test_all_scopes_needed_are_named_at_once(granted, url, fake_issuer):
    response = send(url, f"Bearer {fake_issuer.access_token('alice', granted)}")
    assert response.status_code == 403
    assert challenge(response).parameters["scope"] == SCOPE


@on_every_view
@requirement("B23")
def test_no_cookie_and_no_session_keep_the_token(url, fake_issuer):
    for authorization in (f"Bearer {good(fake_issuer)}", "Bearer x.y.z"):
        response = send(url, authorization)
        assert not response.cookies
    assert not Session.objects.exists()


@pytest.mark.parametrize("edits", [{"exp": 1}, {"aud": "https://other"}, {"iss": "x"}])
@requirement("B24")
def test_a_bad_token_is_refused_where_anybody_may_come_in(edits, fake_issuer):
    assert send("/public").status_code == 200
    response = send("/public", f"Bearer {good(fake_issuer, **edits)}")
    assert response.status_code == 401
    assert challenge(response).parameters["error"] == "invalid_token"


def assert_no_credentials(response, url):
    body = {"detail", "code"} if url == "/drf" else {"error", "error_description"}
    assert_refusal(response, 401, scope=SCOPE, body=body)
    assert json.loads(response.content)
