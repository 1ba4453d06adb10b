"""Mixins for class-based views, sync and async."""

from __future__ import annotations

import pytest
from asgiref.sync import iscoroutinefunction
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import Client
from django.urls import path
from django.views import View

from django_oidc_rs.decorators import (
    access_token_not_required,
    access_token_required,
    scope_required,
)
from django_oidc_rs.mixins import AccessTokenRequiredMixin, ScopeRequiredMixin
from tests.http_answers import assert_refusal, assert_shareable_by_nobody, both

pytestmark = pytest.mark.urls(__name__)


class Get:
    def get(self, request, **kwargs):
        return HttpResponse(f"{type(request.user).__name__} {kwargs}")

    post = get


class AGet:
    async def get(self, request, **kwargs):
        user = await request.auser()
        return HttpResponse(f"{type(user).__name__} {kwargs}")

    post = get


class Local(AccessTokenRequiredMixin, Get, View):
    pass


class ALocal(AccessTokenRequiredMixin, AGet, View):
    pass


class Token(AccessTokenRequiredMixin, Get, View):
    resolve_user = False


class AToken(AccessTokenRequiredMixin, AGet, View):
    resolve_user = False


class All(ScopeRequiredMixin, Get, View):
    resolve_user = False
    required_scopes = ["a", "b"]


class AAll(ScopeRequiredMixin, AGet, View):
    resolve_user = False
    required_scopes = ("a", "b")


class Some(ScopeRequiredMixin, Get, View):
    resolve_user = False
    required_any_scopes = ["a", "b"]


class Another(ScopeRequiredMixin, Get, View):
    resolve_user = False
    required_scopes = ["a"]
    scope_issuers = ["other"]


class Nothing(ScopeRequiredMixin, Get, View):
    resolve_user = False


class Page(ScopeRequiredMixin, View):
    required_scopes = ["a"]
    resolve_user = False

    def get(self, request):
        template = engines["django"].from_string("{{ word }}")
        return TemplateResponse(request, template, {"word": "rendered later"})


urlpatterns = [
    path("local", Local.as_view()),
    path("alocal", ALocal.as_view()),
    path("token", Token.as_view()),
    path("atoken", AToken.as_view()),
    path("token-by-argument", Local.as_view(resolve_user=False)),
    path("all", All.as_view()),
    path("aall", AAll.as_view()),
    path("some", Some.as_view()),
    path("another", Another.as_view()),
    path("ours", Another.as_view(scope_issuers=["default"])),
    path("all-by-argument", Nothing.as_view(required_scopes=["a", "b"])),
    path("some-by-argument", Nothing.as_view(required_any_scopes=["a", "b"])),
    path("kwargs/<int:pk>", Token.as_view()),
    path("page", Page.as_view()),
]

TOKEN_ONLY = ["/token", "/atoken", "/token-by-argument"]
ALL = ["/all", "/aall", "/all-by-argument"]


@both
@pytest.mark.parametrize("url", TOKEN_ONLY)
def test_a_good_token_comes_in_without_a_query(send, url, fake_issuer):
    response = send(url, fake_issuer.access_token())
    assert response.content == b"TokenUser {}"
    assert_shareable_by_nobody(response)
    assert not response.cookies


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/local", "/alocal"])
def test_the_local_user_costs_one_query(
    send, url, fake_issuer, django_assert_num_queries
):
    send(url, fake_issuer.access_token())
    with django_assert_num_queries(1):
        response = send(url, fake_issuer.access_token())
    assert response.content == b"User {}"


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/local", "/alocal"])
def test_an_inactive_user_is_refused(send, url, fake_issuer):
    send(url, fake_issuer.access_token())
    get_user_model().objects.update(is_active=False)
    response = send(url, fake_issuer.access_token())
    assert_refusal(response, 401, error="invalid_token")


@both
@pytest.mark.parametrize("url", TOKEN_ONLY)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "TRACE"])
def test_every_method_needs_a_token(send, url, method, fake_issuer):
    """A98: before ``dispatch``, so that no handler is forgotten."""
    assert_refusal(send(url, method=method), 401)
    response = send(url, "x.y.z", method=method)
    assert_refusal(response, 401, error="invalid_token")


@both
@pytest.mark.parametrize("url", TOKEN_ONLY)
def test_malformed_credentials_and_outages(send, url, fake_issuer):
    response = send(url, "a b")
    assert_refusal(response, 400, error="invalid_request")
    fake_issuer.fail()
    assert_refusal(send(url, fake_issuer.access_token()), 503)


@both
@pytest.mark.parametrize("url", ALL)
@pytest.mark.parametrize(
    ("scopes", "status"), [("ab", 200), ("a", 403), ("b", 403), ("", 403)]
)
def test_all_scopes_are_needed(send, url, scopes, status, fake_issuer):
    response = send(url, fake_issuer.access_token(scopes=list(scopes)))
    if status == 200:
        assert response.status_code == 200
    else:
        assert_refusal(response, 403, error="insufficient_scope", scope="a b")
    assert_refusal(send(url), 401, scope="a b")


@both
@pytest.mark.parametrize("url", ["/some", "/some-by-argument"])
@pytest.mark.parametrize(("scopes", "status"), [("a", 200), ("b", 200), ("c", 403)])
def test_any_scope_is_enough(send, url, scopes, status, fake_issuer):
    response = send(url, fake_issuer.access_token(scopes=list(scopes)))
    if status == 200:
        assert response.status_code == 200
    else:
        assert_refusal(response, 403, error="insufficient_scope", scope="a")


@both
def test_who_granted_the_scope_counts(send, fake_issuer):
    raw_token = fake_issuer.access_token(scopes=["a"])
    assert send("/ours", raw_token).status_code == 200
    response = send("/another", raw_token)
    assert_refusal(response, 403, error="insufficient_scope", scope="a")


@both
def test_the_view_gets_what_the_url_says(send, fake_issuer):
    response = send("/kwargs/7", fake_issuer.access_token())
    assert response.content == b"TokenUser {'pk': 7}"


@both
def test_a_rendered_page_is_marked_as_well(send, fake_issuer):
    response = send("/page", fake_issuer.access_token(scopes=["a"]))
    assert response.content == b"rendered later"
    assert_shareable_by_nobody(response)


def misconfigured(**attributes):
    return type("Misconfigured", (ScopeRequiredMixin, Get, View), attributes)


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        pytest.param({}, TypeError, id="nothing"),
        pytest.param({"required_scopes": []}, TypeError, id="empty"),
        pytest.param({"required_scopes": None}, TypeError, id="none"),
        pytest.param({"required_scopes": "a"}, TypeError, id="text"),
        pytest.param({"required_any_scopes": "a"}, TypeError, id="any-text"),
        pytest.param(
            {"required_scopes": ["a"], "required_any_scopes": ["b"]},
            TypeError,
            id="both",
        ),
        pytest.param(
            {"required_scopes": ["a"], "scope_issuers": "default"},
            TypeError,
            id="issuers-text",
        ),
        pytest.param({"required_scopes": ["a b"]}, ValueError, id="two-in-one"),
    ],
)
def test_mistakes_are_found_by_as_view(attributes, error):
    with pytest.raises(error):
        misconfigured(**attributes).as_view()


@pytest.mark.parametrize("guard", [access_token_required, scope_required("a")])
def test_a_class_is_told_of_the_mixins(guard):
    with pytest.raises(TypeError, match="Get is a class"):
        guard(Get)


def test_a_class_without_scopes_is_named():
    with pytest.raises(TypeError, match="Misconfigured must name required_scopes"):
        misconfigured().as_view()


def test_as_view_still_refuses_what_is_no_attribute():
    with pytest.raises(TypeError):
        Token.as_view(unknown=True)


@pytest.mark.parametrize("view", [Token, AToken, All, AAll])
def test_such_a_view_needs_neither_csrf_cookie_nor_login(view):
    made = view.as_view()
    assert made.csrf_exempt is True
    assert made.login_required is False
    assert made.view_class is view
    assert iscoroutinefunction(made) is view.view_is_async


@both
@pytest.mark.parametrize("url", ["/token", "/atoken"])
def test_a_post_needs_no_csrf_token(send, url, fake_issuer):
    client = Client(enforce_csrf_checks=True)
    response = send(url, fake_issuer.access_token(), method="POST", client=client)
    assert response.status_code == 200


@both
@pytest.mark.parametrize("url", ["/token", "/atoken"])
def test_login_required_middleware_leaves_it_alone(send, url, fake_issuer, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert send(url, fake_issuer.access_token()).status_code == 200
    assert_refusal(send(url), 401)


def test_the_exemption_of_a_middleware_is_not_the_mixins():
    """Marked as exempt, the view still demands what the mixin says."""
    view = access_token_not_required(Token.as_view())
    assert view.access_token_required is False
    assert view.csrf_exempt is True
