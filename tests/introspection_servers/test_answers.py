"""What real servers say of tokens: the record that introspection here is built on."""

from __future__ import annotations

import base64
import json
import secrets
import time

import pytest

from django_oidc_rs.testing.signing import SigningKey

from .credentials import (
    API,
    AUDIENCE,
    OTHER_AUDIENCE,
    SCOPE,
    SECRET,
    USER,
    WEB,
)
from .server import basic, post

INACTIVE = {"active": False}
JSON = "application/json"
NO_TOKENS = ("garbage", "a.b.c", "ä")
JWT = "eyJhbGciOiJub25lIn0.e30.AAAA"
JWE = "eyJhbGciOiJub25lIn0.a.b.c.d"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def told(server, token, **form):
    """Return the members of the answer, times apart, and these."""
    answer = server.ask(token, **form)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == JSON
    members = answer.json()
    times = {name: members.pop(name) for name in ("exp", "iat") if name in members}
    assert all(type(time) is int for time in times.values())
    return members, set(times)


def expected(server, **members):
    """Return what each server says of an active token of the web client."""
    common = {"active": True, "scope": SCOPE, "client_id": WEB}
    common |= {
        "oidc-provider": {
            "iss": server.issuer,
            "sub": USER,
            "aud": AUDIENCE,
            "token_type": "Bearer",
        },
        # Not a type that RFC 6749, 7.1 knows; the subject is a row's number.
        "django-allauth": {
            "iss": server.issuer,
            "sub": "1",
            "aud": [AUDIENCE],
            "token_type": "access_token",
        },
        "django-oauth-toolkit": {"username": USER, "aud": [AUDIENCE]},
    }[server.name]
    common |= members
    return {name: value for name, value in common.items() if value is not None}


def times(server):
    return {"exp"} if server.name == "django-oauth-toolkit" else {"exp", "iat"}


def test_a_users_token(server):
    assert told(server, server.user_token()) == (expected(server), times(server))


def test_a_machines_token_has_no_subject(server):
    members = expected(server, client_id=server.machine, sub=None, username=None)
    assert told(server, server.machine_token()) == (members, times(server))


def test_a_token_for_another_audience_is_active(server):
    members, _ = told(server, server.other_audience_token())
    assert members["active"] is True
    assert members["aud"] in (OTHER_AUDIENCE, [OTHER_AUDIENCE])


def test_a_token_for_no_audience_is_active(server):
    if server.name == "oidc-provider":
        members = expected(server)
    else:
        members = expected(server, aud=None)
    assert told(server, server.unbound_token()) == (members, times(server))


@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "access_token"}], ids=str)
def test_a_refresh_token(server, hint):
    """Told apart by what it lacks, by its type, or not active at all."""
    answer = {
        "oidc-provider": (expected(server, aud=None, token_type=None), {"exp", "iat"}),
        "django-allauth": (
            expected(server, token_type="refresh_token"),
            {"exp", "iat"},
        ),
        "django-oauth-toolkit": (INACTIVE, set()),
    }[server.name]
    assert told(server, server.refresh_token(), **hint) == answer


@pytest.mark.parametrize("kind", ["expired_token", "revoked_token"])
def test_a_dead_token(server, kind):
    assert told(server, getattr(server, kind)()) == (INACTIVE, set())


@pytest.mark.parametrize("token", NO_TOKENS)
def test_no_token(server, token):
    assert told(server, token) == (INACTIVE, set())


@pytest.mark.parametrize("token", [JWT, JWE])
def test_a_jwt(server, token):
    """Anybody can make up one, so a refusal says nothing about the server."""
    answer = server.ask(token)
    if server.name == "oidc-provider":
        assert answer.status_code == 400
        assert answer.json()["error"] == "unsupported_token_type"
    else:
        assert (answer.status_code, answer.json()) == (200, INACTIVE)


@pytest.mark.parametrize(
    ("client", "challenge"),
    [("secret", True), ("client", True), ("nobody", False)],
)
def test_a_client_that_is_not_the_api(server, client, challenge):
    credentials = {
        "secret": server.credentials(API, "wrong"),
        "client": server.credentials("stranger"),
        "nobody": ({}, {}),
    }[client]
    answer = server.ask(server.user_token(), credentials)
    scheme = answer.headers.get("WWW-Authenticate", "").split(" ")[0]
    if server.name == "django-oauth-toolkit":
        assert (answer.status_code, scheme, answer.content) == (403, "", b"")
    elif server.name == "django-allauth":
        assert (answer.status_code, scheme) == (401, "Bearer")
    elif challenge:
        assert (answer.status_code, scheme) == (401, "Basic")
    else:
        assert (answer.status_code, scheme) == (400, "")


def test_credentials_in_the_form(server):
    client = ({}, post(API, SECRET))
    assert told(server, server.user_token(), client=client)[0]["active"] is True


def test_django_allauth_reads_basic_credentials_as_they_are(django_allauth):
    """Contrary to RFC 6749, 2.3.1; the secrets that it makes up have such letters."""
    token = django_allauth.user_token()
    encoded = django_allauth.ask(token, (basic(API, SECRET), {}))
    assert (encoded.status_code, encoded.json()["error"]) == (401, "invalid_client")
    pair = base64.b64encode(f"{API}:{SECRET}".encode()).decode()
    plain = django_allauth.ask(token, ({"Authorization": f"Basic {pair}"}, {}))
    assert plain.json()["active"] is True


@pytest.mark.parametrize("method", ["client_secret_jwt", "private_key_jwt"])
def test_an_assertion_authenticates_the_api(oidc_provider, method):
    """RFC 7523, 3; its audience may be the issuer's identifier."""
    if method == "private_key_jwt":
        key = SigningKey("ES256", key_id="api-key")
        client_id = oidc_provider.register(
            token_endpoint_auth_method=method, jwks={"keys": [key.public_jwk()]}
        )
    else:
        key = SigningKey("HS256", key_id="api-key", secret=SECRET.encode())
        client_id = oidc_provider.register(token_endpoint_auth_method=method)
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": oidc_provider.issuer,
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_hex(16),
    }
    # A secret has no key ID: with one, the secret is not found.
    header = {"alg": key.algorithm}
    assertion = key.sign(json.dumps(claims).encode(), header)
    fields = {"client_assertion_type": ASSERTION, "client_assertion": assertion}
    token = oidc_provider.user_token()
    assert told(oidc_provider, token, client=({}, fields))[0]["active"] is True
    # Each serves once.
    again = oidc_provider.ask(token, ({}, fields))
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("kind", ["user_token", "refresh_token", "revoked_token"])
def test_a_signed_answer(oidc_provider, kind):
    """RFC 9701, 5: what is said of the token is in a claim, the rest is of the API."""
    token = getattr(oidc_provider, kind)()
    answer = oidc_provider.ask(token, accept=oidc_provider.signed)
    media_type = "application/token-introspection+jwt; charset=utf-8"
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)
    header, claims = (
        json.loads(base64.urlsafe_b64decode(f"{part}=="))
        for part in answer.text.split(".")[:2]
    )
    assert header.pop("kid").startswith("key-")
    assert header == {"alg": "ES256", "typ": "token-introspection+jwt"}
    assert type(claims.pop("iat")) is int
    assert claims == {
        "iss": oidc_provider.issuer,
        "aud": API,
        "token_introspection": oidc_provider.ask(token).json(),
    }


@pytest.mark.parametrize("accept", ["*/*", "application/json", "{}, application/json"])
def test_an_answer_is_signed_for_who_prefers_it(oidc_provider, accept):
    accept = accept.format(oidc_provider.signed)
    media_type = oidc_provider.ask("no-token", accept=accept).headers["Content-Type"]
    assert media_type.startswith(accept.split(",")[0] if "," in accept else JSON)
