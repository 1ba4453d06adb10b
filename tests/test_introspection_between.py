"""Asking the issuer, where two things meet: layers, tokens, times, callers."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import connections
from django.http import JsonResponse
from django.test import RequestFactory, override_settings
from django.urls import path
from django.views.generic import View
from rest_framework.decorators import api_view, permission_classes
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs import wiring
from django_oidc_rs.core.breaker import FloodGuard
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.decorators import scope_required
from django_oidc_rs.mixins import ScopeRequiredMixin
from django_oidc_rs.request import aaccess_token_of
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasScope,
    Introspected,
)
from django_oidc_rs.testing import FakeClock, FakeIssuer, install
from django_oidc_rs.testing.introspection import MemoryAnswerCache
from tests.attacks.asking import failing, lying, said, settings_of, stage
from tests.core.asking import DictCache, answers
from tests.core.builders import NOW, claims

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

REQUIRED = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"


def overriding(get_response):
    """Be a middleware that takes the method from the query, as it is written there."""

    def respond(request):
        request.method = request.GET.get("method", request.method)
        return get_response(request)

    return respond


def told(request):
    token = request.access_token
    return {"scopes": sorted(token.scopes), "by": token.validated_by}


@scope_required("read", introspect=True)
def live(request):
    user = request.user
    held = getattr(user, "access_token", request.access_token)
    return JsonResponse(
        {
            **told(request),
            "email": getattr(user, "email", ""),
            "same": held is request.access_token,
        }
    )


@api_view(["GET"])
@permission_classes([HasScope("write")])
@scope_required("read", introspect=True)
def below(request):
    assert request.auth is request.access_token
    return Response(told(request))


class Orders(ScopeRequiredMixin, View):
    required_scopes = ["read"]
    introspect = ["DELETE"]

    def delete(self, request):
        return JsonResponse(told(request))


class LiveUser(APIView):
    permission_classes = [HasScope("read") & Introspected]

    def get(self, request):
        user = request.user
        held = getattr(user, "access_token", request.auth)
        email = getattr(user, "email", "")
        return Response({"email": email, "same": held is request.auth})


class LightUser(LiveUser):
    resolve_user = False


class OwnAuthentication(AccessTokenAuthentication):
    def authenticate(self, request):
        found = super().authenticate(request)
        return found and (SimpleNamespace(email="own", is_authenticated=True), found[1])


class OwnUser(LightUser):
    authentication_classes = [OwnAuthentication]


class Lazy(APIView):
    permission_classes = [HasScope("write") & Introspected]

    def perform_authentication(self, request):
        """Leave it to the first who wants to know."""

    def get(self, request):
        return Response(sorted(request.auth.scopes))


class Own(Lazy):
    permission_classes = [HasScope("write"), Introspected]

    def check_permissions(self, request):
        for permission in map(type.__call__, self.permission_classes):
            if not permission.has_permission(request, self):
                self.permission_denied(request)


urlpatterns = [
    path("live-user", LiveUser.as_view()),
    path("light-user", LightUser.as_view()),
    path("own-user", OwnUser.as_view()),
    path("lazy", Lazy.as_view()),
    path("own", Own.as_view()),
    path("live", live),
    path("below", below),
    path("orders", Orders.as_view()),
]


def call(client, url, raw_token):
    return client.get(url, headers={"Authorization": f"Bearer {raw_token}"})


def active(issuer, subject="alice", **edits):
    """Return a JWT, and what says that it is active, with ``edits``."""
    jti = f"jti-of-{subject}"
    raw_token = issuer.access_token(subject, ["read", "write"], jti=jti)
    truth = issuer.claims(subject, ["read", "write"], jti=jti)
    return raw_token, said({"active": True, **truth, **edits})


def test_below_api_view_the_token_is_what_the_issuer_says_now(client):
    with stage() as issuer:
        raw_token, say = active(issuer)
        with lying({raw_token: say}):
            response = call(client, "/below", raw_token)
        assert response.status_code == 200
        assert response.json() == {"scopes": ["read", "write"], "by": "introspection"}


def test_permissions_above_judge_what_the_issuer_says_now(client):
    with stage() as issuer:
        raw_token, say = active(issuer, scope="read")
        with lying({raw_token: say}):
            response = call(client, "/below", raw_token)
        assert response.status_code == 403
        assert 'scope="write"' in response["WWW-Authenticate"]


@pytest.mark.parametrize("url", ["/lazy", "/own"])
@pytest.mark.parametrize("scope", ["read", "read write"])
def test_permissions_are_asked_anew_however_a_view_asks_them(client, url, scope):
    with stage() as issuer:
        raw_token, say = active(issuer, scope=scope)
        with lying({raw_token: say}):
            status = call(client, url, raw_token).status_code
    assert status == (200 if "write" in scope else 403)


@pytest.mark.parametrize("method", ["delete", "Delete", "DELETE"])
def test_a_method_is_asked_about_however_it_is_written(client, method):
    middleware = [f"{__name__}.overriding"]
    with stage() as issuer, override_settings(MIDDLEWARE=middleware):
        raw_token, say = active(issuer)
        with lying({raw_token: say}):
            response = call(client, f"/orders?method={method}", raw_token)
        assert response.json()["by"] == "introspection"


@pytest.mark.parametrize(
    "said_by_itself",
    [
        pytest.param({"cnf": {"jkt": "thumbprint"}}, id="bound"),
        pytest.param({"at_hash": "hash"}, id="id-token"),
        pytest.param({"typ": "Refresh"}, id="refresh-token"),
        pytest.param({"events": {}}, id="logout-token"),
        pytest.param({"aud": "https://other.test"}, id="another-api"),
        pytest.param({"aud": []}, id="no-api"),
        pytest.param({"exp": NOW - 60}, id="expired"),
        pytest.param({"exp": "tomorrow"}, id="no-date"),
    ],
)
def test_what_a_jwt_says_against_itself_holds(client, said_by_itself):
    """The answer leaves it out; the token could be used as what it is not."""
    with stage("introspection") as issuer:
        raw_token = issuer.access_token("alice", ["read"], **said_by_itself)
        truth = issuer.claims("alice", ["read"])
        with lying({raw_token: said({"active": True, **truth})}):
            assert call(client, "/live", raw_token).status_code == 401
        assert issuer.introspection.questions == []


@pytest.mark.parametrize("silent", ["aud", "exp"])
def test_what_a_jwt_leaves_to_the_answer_holds_nothing_up(client, silent):
    with stage("introspection") as issuer:
        raw_token = issuer.access_token("alice", ["read"], **{silent: None})
        truth = issuer.claims("alice", ["read"])
        with lying({raw_token: said({"active": True, **truth})}):
            assert call(client, "/live", raw_token).status_code == 200


@pytest.mark.parametrize("client_id", ["other", "app"])
def test_an_answer_about_another_client_is_about_another_token(client, client_id):
    """By whatever claim it says so: the JWT has "azp" alone."""
    jwt = {"jti": "1", "client_id": None, "azp": "app"}
    with stage() as issuer:
        raw_token = issuer.access_token("alice", ["read"], **jwt)
        truth = issuer.claims("alice", ["read"], **jwt)
        say = said({"active": True, **truth, "client_id": client_id})
        with lying({raw_token: say}):
            status = call(client, "/live", raw_token).status_code
    assert status == (200 if client_id == "app" else 503)


@pytest.mark.parametrize("users", [{"FIELDS": {"email": "email"}}, {}, None])
def test_the_user_is_what_the_issuer_says_now(client, users):
    """A middleware has resolved it before, by what the JWT says."""
    settings = settings_of()
    settings["USERS"] = {"RESOLVER": "token_user"} if users is None else users
    settings["REQUIRED_PATHS"] = ["/"]
    clock = FakeClock(NOW)
    with override_settings(OIDC_RS=settings, MIDDLEWARE=[REQUIRED]):
        issuer = FakeIssuer(clock=clock)
        with install(issuer, clock=clock):
            raw_token = issuer.access_token(
                "alice", ["read"], jti="1", email="a@x.test"
            )
            truth = issuer.claims("alice", ["read"], jti="1", email="b@x.test")
            with lying({raw_token: said({"active": True, **truth})}):
                response = call(client, "/live", raw_token).json()
    assert response["same"]
    assert response["email"] == ("b@x.test" if users else "")
    assert get_user_model().objects.count() == (users is not None)


@pytest.mark.parametrize(
    ("url", "email"),
    [("/live-user", "b@x.test"), ("/light-user", ""), ("/own-user", "own")],
)
def test_the_user_of_rest_framework_is_too(client, url, email):
    settings = settings_of()
    settings["USERS"] = {"FIELDS": {"email": "email"}}
    clock = FakeClock(NOW)
    with override_settings(OIDC_RS=settings, MIDDLEWARE=[]):
        issuer = FakeIssuer(clock=clock)
        with install(issuer, clock=clock):
            raw_token = issuer.access_token(
                "alice", ["read"], jti="1", email="a@x.test"
            )
            truth = issuer.claims("alice", ["read"], jti="1", email="b@x.test")
            with lying({raw_token: said({"active": True, **truth})}):
                response = call(client, url, raw_token).json()
    assert response == {"email": email, "same": True}


def test_a_revoked_jwt_sent_over_and_over_shuts_nobody_out(client):
    with stage() as issuer:
        revoked = issuer.access_token("mallory", ["read"])
        issuer.revoke(revoked)
        for _ in range(201):
            assert call(client, "/live", revoked).status_code == 401
        fresh = issuer.access_token("alice", ["read"])
        assert call(client, "/live", fresh).status_code == 200


def test_who_spoils_the_answer_about_oneself_shuts_others_out_once(client):
    """With a name that is no Unicode, say, after the token was fine before."""
    table = {}
    with stage() as issuer, lying(table):
        evil, good = (issuer.opaque_token(each, ["read"]) for each in ("eve", "alice"))
        assert call(client, "/live", evil).status_code == 200
        table[evil] = said(b'{"active": true, "name": "\\ud800"}')
        refused = 0
        for _ in range(10):
            assert call(client, "/live", evil).status_code == 503
            refused += call(client, "/live", good).status_code == 503
            issuer.clock.advance(2)
            assert call(client, "/live", good).status_code == 200
        assert refused == 1


@pytest.mark.parametrize(
    "fault",
    [("connect",), ("timeout",), ("protocol",), ("status", 404), ("status", 502)],
)
def test_a_token_that_a_firewall_drops_shuts_nobody_in_use_out(client, fault):
    crafted = "../../../../etc/passwd"
    with stage() as issuer, lying({crafted: failing(*fault)}):
        good = issuer.opaque_token("alice", ["read"])
        assert call(client, "/live", good).status_code == 200
        for _ in range(3):
            assert call(client, "/live", crafted).status_code == 503
            assert call(client, "/live", good).status_code == 200


def test_once_known_tokens_fail_nobody_asks(client):
    table = {}
    crafted = "../../../../etc/passwd"
    with stage() as issuer, lying(table):
        good = [issuer.opaque_token(each, ["read"]) for each in ("alice", "bob")]
        assert {call(client, "/live", each).status_code for each in good} == {200}
        asked = []

        def dead():
            asked.append(1)
            raise FetchError("timeout")

        table["*"] = dead
        for raw_token in (crafted, *good, crafted, *good):
            assert call(client, "/live", raw_token).status_code == 503
        assert len(asked) == 2


class DatabaseAnswers(MemoryAnswerCache):
    """Answers kept in a database, as those of ``DatabaseCache``."""

    def __init__(self, clock):
        super().__init__(clock)
        self.used, self.closed = [], []

    def get(self, key):
        connection, here = connections["default"], threading.get_ident()
        vars(connection)["close_if_unusable_or_obsolete"] = lambda: self.closed.append(
            (here, threading.get_ident())
        )
        self.used.append(here)
        return super().get(key)


def test_a_thread_apart_leaves_no_database_connection_open():
    with stage(CACHE_SECONDS=30) as issuer:
        kept = DatabaseAnswers(issuer.clock)
        with wiring.substitute(replace(wiring.get_seams(), answers=kept)):
            raw_token = issuer.opaque_token("alice", ["read"])
            headers = {"Authorization": f"Bearer {raw_token}"}
            request = RequestFactory().get("/", headers=headers)
            assert async_to_sync(aaccess_token_of)(request).subject == "alice"
    assert threading.get_ident() not in kept.used
    assert set(kept.closed) == {(here, here) for here in kept.used}


class Slow:
    """An issuer that thinks about the first question until it is told to answer."""

    def __init__(self):
        self.asked, self.answered = threading.Event(), threading.Event()

    def __call__(self, raw_token):
        if self.asked.is_set():
            return None
        self.asked.set()
        assert self.answered.wait(30)
        return claims()


@pytest.mark.parametrize("took", [0, 5, 9])
def test_a_slow_yes_does_not_undo_a_newer_no(took):
    clock, guard, issuer = FakeClock(float(NOW)), FloodGuard(), Slow()
    kit = answers(issuer, clock=clock, cache=DictCache(clock))
    raw_token = "opaque-token-0123456789"
    key = kit.key(raw_token)
    asking = threading.Thread(target=kit.shared, args=(key, raw_token, guard))
    asking.start()
    try:
        assert issuer.asked.wait(30)
        assert kit.live(key, raw_token, guard) is None
        clock.advance(took)
    finally:
        issuer.answered.set()
        asking.join(30)
    assert not kit.kept(key)
