"""Refusals of plain views: status, challenge, body, caching."""

from __future__ import annotations

import json

import pytest
from django.http import HttpResponse

from django_oidc_rs.core.errors import (
    BadSignature,
    ExpiredToken,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    KeysUnavailable,
    MalformedToken,
    NotAnAccessToken,
    TokenTooLong,
    UnknownKey,
    UntrustedIssuer,
    UserRejected,
)
from django_oidc_rs.core.scopes import ScopeRequirement
from django_oidc_rs.responses import (
    answer,
    challenge_for,
    insufficient_scope,
    mark_private,
    no_credentials,
)
from tests.http_answers import assert_refusal
from tests.http_syntax import IllFormed, list_members, parse_challenge

HOSTILE = 'a"b\\c\r\nSet-Cookie: x=1\x00\x7fé<script>'


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(InvalidRequest("several"), 400, "invalid_request", id="malformed"),
        pytest.param(InvalidToken(), 401, "invalid_token", id="bad"),
        pytest.param(InsufficientScope(), 403, "insufficient_scope", id="scope"),
        pytest.param(KeysUnavailable(retry_after=7), 503, None, id="cannot-tell"),
    ],
)
def test_each_kind_of_refusal_has_its_status_and_error(error, status, code):
    response = answer(error)
    assert_refusal(response, status, error=code)
    body = json.loads(response.content)
    assert body["error"] == (code or "temporarily_unavailable")
    assert body["error_description"] == error.description


def test_retry_after_is_what_the_error_says():
    assert answer(KeysUnavailable(retry_after=7))["Retry-After"] == "7"


@pytest.mark.parametrize(
    "error_class",
    [
        BadSignature,
        ExpiredToken,
        MalformedToken,
        NotAnAccessToken,
        TokenTooLong,
        UnknownKey,
        UntrustedIssuer,
        UserRejected,
    ],
)
def test_every_cause_of_invalid_token_looks_the_same(error_class):
    """A104: what differs goes to the log."""
    told = answer(error_class(HOSTILE, claim=HOSTILE, reason=HOSTILE))
    plain = answer(InvalidToken())
    assert told.content == plain.content
    assert dict(told.items()) == dict(plain.items())


def test_no_credentials_is_401_without_an_error():
    response = no_credentials()
    assert_refusal(response, 401)
    assert json.loads(response.content)["error"] == "not_authenticated"


def test_no_credentials_names_the_scopes_a_view_wants():
    requirement = ScopeRequirement.all_of(["a", "b"])
    assert_refusal(no_credentials(requirement), 401, scope="a b")


def test_too_little_scope_names_the_first_alternative():
    requirement = ScopeRequirement(alternatives=(("a", "b"), ("c",)))
    response = insufficient_scope(requirement)
    assert_refusal(response, 403, error="insufficient_scope", scope="a b")


def test_a_challenge_never_stands_without_parameters():
    """RFC 6750 section 3: at least one parameter follows the scheme."""
    assert parse_challenge(challenge_for(None) or "").parameters == {"realm": "api"}
    assert challenge_for(KeysUnavailable(retry_after=1)) is None


def test_the_realm_is_the_settings_one(settings):
    settings.OIDC_RS = {**settings.OIDC_RS, "REALM": "orders, v2"}
    parsed = parse_challenge(no_credentials()["WWW-Authenticate"])
    assert parsed.parameters == {"realm": "orders, v2"}


def test_a_hostile_scope_stays_one_well_formed_line():
    """ER-01: nothing ends the quoted-string, the header or the line."""
    value = challenge_for(InvalidToken(), scope=HOSTILE)
    assert value is not None
    parsed = parse_challenge(value)
    assert parsed.parameters["error"] == "invalid_token"
    assert value.isascii()
    assert "\r" not in value
    assert "\n" not in value


@pytest.mark.parametrize(
    ("said", "vary"),
    [
        ({}, "Authorization"),
        ({"Vary": "Accept"}, "Accept, Authorization"),
        ({"vary": "Accept,Cookie"}, "Accept, Cookie, Authorization"),
        ({"Vary": "authorization"}, "authorization"),
        ({"VARY": "Accept, Authorization"}, "Accept, Authorization"),
        ({"Vary": "X-Authorization"}, "X-Authorization, Authorization"),
        ({"Vary": "*"}, "*"),
        ({"Vary": "Accept, *"}, "*"),
    ],
)
def test_mark_private_keeps_what_the_view_said(said, vary):
    response = HttpResponse(headers=said)
    assert mark_private(response) is response
    assert response["Vary"] == vary
    assert response["Cache-Control"] == "private"
    assert [value for name, value in response.items() if name.lower() == "vary"] == [
        vary
    ]
    before = response.serialize_headers()
    assert mark_private(response).serialize_headers() == before


@pytest.mark.parametrize("name", ["Cache-Control", "cache-control"])
def test_mark_private_leaves_what_the_view_says_of_caches(name):
    response = mark_private(HttpResponse(headers={name: "no-store"}))
    assert response["Cache-Control"] == "no-store"
    assert b"private" not in response.serialize_headers()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("Bearer", id="bare"),
        pytest.param("Bearer ", id="no-parameter"),
        pytest.param('Basic realm="api"', id="scheme"),
        pytest.param('Bearer  realm="api"', id="two-spaces"),
        pytest.param("Bearer realm=api", id="unquoted"),
        pytest.param('Bearer realm="a"b"', id="quote"),
        pytest.param('Bearer realm="a\\"b"', id="escape"),
        pytest.param('Bearer realm="a\nb"', id="newline"),
        pytest.param('Bearer realm="é"', id="non-ascii"),
        pytest.param('Bearer realm="a" scope="b"', id="no-comma"),
        pytest.param('Bearer realm="a", ', id="trailing-comma"),
        pytest.param('Bearer realm="a", realm="b"', id="twice"),
        pytest.param('Bearer realm="a", Realm="b"', id="twice-in-another-case"),
        pytest.param('Bearer realm="a", other="b"', id="unknown-parameter"),
        pytest.param('Bearer error="bad_token"', id="unknown-error"),
        pytest.param('Bearer error_description="x"', id="description-alone"),
        pytest.param('Bearer scope="a  b"', id="empty-scope-token"),
        pytest.param('Bearer scope=""', id="empty-scope"),
        pytest.param('Bearer realm="a', id="open-string"),
    ],
)
def test_the_parser_these_tests_trust_is_strict(value):
    with pytest.raises(IllFormed):
        parse_challenge(value)


@pytest.mark.parametrize("value", ["", "a,,b", "a, b c", "é"])
def test_the_list_parser_is_strict(value):
    with pytest.raises(IllFormed):
        list_members(value)
