"""force_access_token with every client, and without one."""

from __future__ import annotations

import json
import threading

import pytest
from django.http import JsonResponse
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from django.urls import path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory

from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.rest_framework import HasScope
from django_oidc_rs.testing import (
    access_token,
    force_access_token,
    unforce_access_token,
)
from django_oidc_rs.token_user import TokenUser

pytestmark = pytest.mark.urls(__name__)


def facts(token, user):
    return {
        "subject": token.subject,
        "user": type(user).__name__,
        "name": user.get_username(),
    }


@access_token_required
def plain(request):
    return JsonResponse(facts(request.access_token, request.user))


@access_token_required
async def native(request):
    return JsonResponse(facts(request.access_token, await request.auser()))


@scope_required("a:write")
def writer(request):
    return JsonResponse(facts(request.access_token, request.user))


@api_view()
@permission_classes([HasScope("a:read")])
def rest(request):
    return Response(facts(request.auth, request.user))


urlpatterns = [
    path("plain", plain),
    path("native", native),
    path("writer", writer),
    path("rest", rest),
]

VIEWS = ["/plain", "/native", "/rest"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", [Client, APIClient])
def test_sync_clients(kind, view):
    client = kind()
    assert client.get(view).status_code == 401
    token = force_access_token(client, scopes=["a:read"])
    for _ in range(2):
        answer = client.get(view)
        assert answer.status_code == 200
        assert answer.json() == {
            "subject": "test-subject",
            "user": "TokenUser",
            "name": TokenUser(token).username,
        }


@pytest.mark.parametrize("view", VIEWS)
async def test_async_client(view):
    client = AsyncClient()
    assert (await client.get(view)).status_code == 401
    force_access_token(client, scopes=["a:read"], subject="bob")
    answer = await client.get(view)
    assert answer.status_code == 200
    assert answer.json()["subject"] == "bob"


@pytest.mark.parametrize("kind", [RequestFactory, APIRequestFactory])
@pytest.mark.parametrize(("view", "name"), [(plain, "plain"), (rest, "rest")])
def test_requests_of_a_factory(kind, view, name):
    request = kind().get(f"/{name}")
    force_access_token(request, scopes=["a:read"])
    answer = view(request)
    assert answer.status_code == 200


async def test_requests_of_an_async_factory():
    request = AsyncRequestFactory().get("/native")
    force_access_token(request)
    answer = await native(request)
    assert json.loads(answer.content)["subject"] == "test-subject"


def test_scopes_count():
    client = Client()
    force_access_token(client, scopes=["a:read"])
    assert client.get("/writer").status_code == 403
    force_access_token(client, scopes=["a:read", "a:write"])
    assert client.get("/writer").status_code == 200


def test_the_last_call_counts():
    client = Client()
    for subject in ("alice", "bob"):
        force_access_token(client, subject=subject)
        assert client.get("/plain").json()["subject"] == subject


def test_unforce_takes_it_back():
    client = Client()
    unforce_access_token(client)
    force_access_token(client)
    assert client.get("/plain").status_code == 200
    unforce_access_token(client)
    assert client.get("/plain").status_code == 401
    unforce_access_token(client)


def test_one_client_is_not_another():
    force_access_token(Client())
    assert Client().get("/plain").status_code == 401


def test_no_header_reaches_it():
    """Neither sets it nor takes it away."""
    client = Client()
    forged = {"HTTP_X_DJANGO_OIDC_RS": "1", "_django_oidc_rs": "1"}
    assert client.get("/plain", **forged).status_code == 401
    force_access_token(client)
    for value in ("Bearer broken", "Basic x", "Bearer a, Bearer b"):
        assert client.get("/plain", headers={"Authorization": value}).status_code == 200


def test_no_thread_is_started():
    """And no query is made: the database is out of bounds for this test."""
    client = Client()
    threads = threading.active_count()
    force_access_token(client)
    client.get("/plain")
    assert threading.active_count() == threads


@pytest.mark.parametrize("view", VIEWS)
def test_a_user_may_be_given(django_user_model, view):
    user = django_user_model(username="carol")
    client = APIClient()
    force_access_token(client, user, scopes=["a:read"])
    answer = client.get(view).json()
    assert (answer["user"], answer["name"]) == ("User", "carol")


@pytest.mark.django_db
def test_no_query_is_made(django_assert_num_queries, django_user_model):
    user = django_user_model.objects.create(username="carol")
    client = Client()
    force_access_token(client, user)
    with django_assert_num_queries(0):
        assert client.get("/plain").json()["name"] == "carol"


class TestAccessToken:
    @pytest.fixture(autouse=True)
    def two_issuers(self, settings):
        settings.OIDC_RS = {
            "AUDIENCE": ["b", "a"],
            "ISSUERS": {
                "one": {"ISSUER": "https://one.test"},
                "two": {"ISSUER": "https://two.test", "AUDIENCE": "c"},
            },
        }

    def test_its_facts(self):
        token = access_token(scopes=["y", "x"], claims={"tier": ["gold"]})
        assert token.issuer == token.claims["iss"] == "https://one.test"
        assert token.issuer_alias == "one"
        assert token.subject == token.claims["sub"] == "test-subject"
        assert token.client_id == token.claims["client_id"] == "test-client"
        assert token.scopes == {"x", "y"}
        assert token.claims["scope"] == "x y"
        assert token.audience == token.claims["aud"] == ("a", "b")
        assert token.claims["tier"] == ("gold",)
        assert token.expires_at - token.issued_at == 300
        assert token.has_scope("x")
        assert not token.is_machine

    def test_it_is_frozen(self):
        with pytest.raises(TypeError):
            access_token().claims["sub"] = "bob"

    def test_without_scopes_there_is_no_scope_claim(self):
        assert "scope" not in access_token().claims

    @pytest.mark.parametrize("issuer", ["two", "https://two.test"])
    def test_the_issuer_by_alias_or_identifier(self, issuer):
        token = access_token(issuer=issuer)
        assert (token.issuer_alias, token.audience) == ("two", ("c",))

    def test_an_issuer_that_is_not_configured(self):
        with pytest.raises(ValueError, match="one, two"):
            access_token(issuer="three")

    def test_scopes_are_no_string(self):
        with pytest.raises(TypeError):
            access_token(scopes="a:read")

    @pytest.mark.parametrize(
        ("given", "is_machine"),
        [
            ({}, False),
            ({"subject": None}, True),
            ({"subject": "test-client"}, True),
            ({"client_id": None}, False),
            ({"is_machine": True}, True),
            ({"subject": None, "is_machine": False}, False),
        ],
    )
    def test_machines(self, given, is_machine):
        token = access_token(**given)
        assert token.is_machine is is_machine
        assert ("sub" in token.claims) is (token.subject is not None)
        assert ("client_id" in token.claims) is (token.client_id is not None)

    def test_a_token_of_nobody(self):
        with pytest.raises(ValueError, match="client_id"):
            access_token(subject=None, client_id=None)


def test_settings_that_are_wrong_are_named(settings):
    from django.core.exceptions import ImproperlyConfigured

    settings.OIDC_RS = {}
    with pytest.raises(ImproperlyConfigured):
        access_token()
