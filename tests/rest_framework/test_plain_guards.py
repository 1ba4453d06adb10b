"""Decorators of plain views below ``@api_view``: one caller, or an error."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from rest_framework.authentication import SessionAuthentication
from rest_framework.decorators import (
    api_view,
    authentication_classes,
    permission_classes,
)
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.rest_framework import AccessTokenAuthentication
from tests.http_answers import assert_refusal, both

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

OURS, SESSION = AccessTokenAuthentication, SessionAuthentication


def told(request):
    """Say who the caller is, by every way a view can ask."""
    users = [request.user, request._request.user]
    tokens = [request.auth, request.access_token, request._request.access_token]
    return Response(
        {
            "names": sorted({user.get_username() for user in users}),
            "kinds": sorted({type(user).__name__ for user in users}),
            "subjects": sorted({token.subject for token in tokens}),
        }
    )


def below_api_view(*classes, guard):
    return api_view(["GET"])(
        authentication_classes(classes)(permission_classes([AllowAny])(guard(told)))
    )


class Orders(ViewSet):
    authentication_classes = [OURS, SESSION]
    permission_classes = [AllowAny]

    @method_decorator(scope_required("read"))
    def list(self, request):
        return told(request)


SCOPE = scope_required("read")
LIGHT = access_token_required(resolve_user=False)

urlpatterns = [
    path("session", below_api_view(SESSION, guard=SCOPE)),
    path("nobody", below_api_view(guard=SCOPE)),
    path("nobody-light", below_api_view(guard=LIGHT)),
    path("session-ours", below_api_view(SESSION, OURS, guard=SCOPE)),
    path("ours", below_api_view(OURS, guard=SCOPE)),
    path("ours-light", below_api_view(OURS, guard=LIGHT)),
    path("ours-session", below_api_view(OURS, SESSION, guard=SCOPE)),
    path("method", Orders.as_view({"get": "list"})),
]


@pytest.fixture
def visitor(client):
    """A browser in which somebody else is signed in."""
    client.force_login(get_user_model().objects.create_user("mallory"))
    return client


@both
@pytest.mark.parametrize(
    ("url", "session"),
    [
        ("/session", True),
        ("/session", False),
        ("/nobody", True),
        ("/nobody", False),
        ("/nobody-light", False),
        ("/session-ours", True),
    ],
)
def test_whom_rest_framework_did_not_find_never_comes_in(
    send, url, session, fake_issuer, visitor
):
    """Its permissions judged another than the token's user: no view sees the two."""
    token = fake_issuer.access_token("alice", ["read"])
    with pytest.raises(TypeError, match="permission classes"):
        send(url, token, client=visitor if session else Client())


@both
@pytest.mark.parametrize("session", [True, False])
@pytest.mark.parametrize("url", ["/ours", "/ours-session", "/method"])
def test_both_find_the_same_caller(send, url, session, fake_issuer, visitor):
    token = fake_issuer.access_token("alice", ["read"])
    response = send(url, token, client=visitor if session else Client())
    alice = FederatedIdentity.objects.get().user
    assert response.json() == {
        "names": [alice.get_username()],
        "kinds": ["User"],
        "subjects": ["alice"],
    }


@both
def test_the_decorator_says_what_the_user_is(send, fake_issuer):
    """``resolve_user=False`` gives a ``TokenUser``, on both requests."""
    response = send("/ours-light", fake_issuer.access_token("alice"))
    assert response.json()["kinds"] == ["TokenUser"]


@both
@pytest.mark.parametrize(
    "url", ["/session", "/nobody", "/session-ours", "/ours-session", "/method"]
)
def test_a_session_is_no_token(send, url, fake_issuer, visitor):
    assert_refusal(send(url, client=visitor), 401, scope="read")


@both
@pytest.mark.parametrize("url", ["/session", "/nobody", "/ours", "/method"])
def test_the_scope_is_demanded_all_the_same(send, url, fake_issuer):
    response = send(url, fake_issuer.access_token("alice", ["write"]))
    assert_refusal(response, 403, error="insufficient_scope", scope="read")


@both
@pytest.mark.parametrize("url", ["/session", "/nobody"])
def test_a_bad_token_is_refused_all_the_same(send, url, visitor):
    response = send(url, "x.y.z", client=visitor)
    assert_refusal(response, 401, error="invalid_token")


@pytest.mark.parametrize("ours", [True, False])
async def test_an_async_view_is_guarded_alike(ours, fake_issuer):
    @access_token_required(resolve_user=False)
    async def view(request):
        return request

    headers = {"Authorization": f"Bearer {fake_issuer.access_token('alice')}"}
    plain = RequestFactory().get("/", headers=headers)
    request = Request(plain, authenticators=[OURS()] if ours else [])
    # As a view with ``resolve_user = False`` would: no thread for the database.
    request.parser_context["view"] = Light()
    if not ours:
        with pytest.raises(TypeError, match="permission classes"):
            await view(request)
        return
    assert await view(request) is request
    assert request.user is plain.user
    assert await plain.auser() is plain.user
    assert request.auth is request.access_token is plain.access_token


class Light(ViewSet):
    resolve_user = False
