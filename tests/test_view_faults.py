"""What operators are told of 403s, and of faults in views that checks cannot see."""

from __future__ import annotations

import logging
from functools import partial

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch
from django.views import View
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from django_oidc_rs import view_faults
from django_oidc_rs.decorators import scope_required
from django_oidc_rs.mixins import ScopeRequiredMixin
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    AccessTokenPermission,
    FromIssuer,
    HasClaim,
    HasScope,
    Introspected,
    TokenHasScope,
)

HERE = __name__
FACTORY = RequestFactory()


@pytest.fixture(autouse=True)
def nothing_told_yet():
    view_faults._told.clear()


@pytest.fixture
def call(fake_issuer, caplog):
    """Return a function: a view -> the status, and the records as (reason, text)."""

    def called(view, scopes=("write",), method="GET", scheme="Bearer"):
        caplog.clear()
        caplog.set_level(logging.INFO, "django_oidc_rs")
        token = fake_issuer.access_token(None, scopes)
        headers = {"Authorization": f"{scheme} {token}"} if scheme else {}
        request = FACTORY.generic(method, "/", headers=headers)
        request.resolver_match = ResolverMatch(view, (), {})
        status = view(request).status_code
        told = [
            (each.levelname, each.reason, each.getMessage())
            for each in caplog.records
            if each.name == "django_oidc_rs.requests"
        ]
        return status, told

    return called


def denied(view, why, level="INFO"):
    text = f"Access denied: insufficient_scope: view {HERE}.{view}: {why}"
    return level, "insufficient_scope", text


def plain(request):
    return HttpResponse("in")


class PlainClass(ScopeRequiredMixin, View):
    required_any_scopes = ["read", "admin"]
    get = staticmethod(plain)


@pytest.mark.parametrize(
    ("view", "name", "why"),
    [
        (scope_required("read", "write")(plain), "plain", "it lacks read"),
        (PlainClass.as_view(), "PlainClass", "it lacks read, or admin"),
        (
            scope_required("read", issuers=["default"])(plain),
            "plain",
            "it lacks read",
        ),
    ],
)
def test_a_403_of_a_plain_view_says_what_was_lacking(view, name, why, call):
    assert call(view) == (403, [denied(name, why)])
    assert call(view, ["read", "write"]) == (200, [])


def rest(*permissions, authentication=(AccessTokenAuthentication,), **attributes):
    class Orders(APIView):
        authentication_classes = authentication
        permission_classes = permissions

        def get(self, request):
            return Response({})

    vars_of = {"get": Orders.get, "__module__": HERE, **attributes}
    return type("Orders", (Orders,), vars_of).as_view()


class PaidTier(AccessTokenPermission):
    issuers = None  # says nothing to us


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (rest(HasScope("read")), "it lacks read"),
        (rest(HasScope("read") | PaidTier), "it lacks read; PaidTier says no"),
        (rest(HasClaim("tier", "gold")), "ClaimPermission says no"),
        (
            rest(TokenHasScope, required_scopes=[["read", "write"], ["admin"]]),
            "it lacks read, or admin",
        ),
    ],
)
def test_a_403_of_rest_framework_says_what_was_lacking(view, why, call):
    assert call(view) == (403, [denied("Orders", why)])


@pytest.mark.parametrize(
    ("attributes", "method", "named", "level"),
    [
        ({}, "GET", "GET", "WARNING"),
        (
            {"required_scopes": {"post": ["read"]}, "action": "list"},
            "GET",
            "list",
            "WARNING",
        ),
        ({}, "MADEUP", "MADEUP", "INFO"),
        ({"required_scopes": {"get": ["read"]}}, "PUT", "PUT", "INFO"),
    ],
)
def test_a_view_that_lists_no_scope_for_what_it_serves_is_at_fault(
    attributes, method, named, level, call
):
    why = f"its required_scopes name nothing for {named!r}"
    told = call(rest(TokenHasScope, **attributes), method=method)
    assert told == (403, [denied("Orders", why, level)])


def test_what_callers_choose_is_escaped(call):
    _status, ((_level, _reason, text),) = call(rest(TokenHasScope), method="A\x1bB")
    assert text.isprintable()


WRONG = {"issuers": ["defualt", "default"]}


@pytest.mark.parametrize(
    ("view", "name", "why"),
    [
        (
            scope_required("write", issuers=["defualt"])(plain),
            "plain",
            "it is none of issuer defualt",
        ),
        (
            rest(HasScope("write", issuers=["defualt"])),
            "Orders",
            "it is none of issuer defualt",
        ),
        (rest(HasScope("read", **WRONG)), "Orders", "it lacks read"),
        (rest(FromIssuer("defualt")), "Orders", "FromIssuer says no"),
        (
            rest(HasClaim("sub", "x", issuers=["defualt"])),
            "Orders",
            "ClaimPermission says no",
        ),
    ],
)
def test_an_alias_that_is_none_is_told_once(view, name, why, call):
    status, (fault, denial) = call(view)
    assert (status, denial) == (403, denied(name, why))
    assert fault[:2] == ("ERROR", "unknown_issuer_alias")
    assert "'defualt'" in fault[2]
    assert "there are: default" in fault[2]
    assert call(view) == (403, [denied(name, why)])


def test_changed_settings_tell_it_anew(call, settings):
    view = rest(FromIssuer("elsewhere"))
    assert len(call(view)[1]) == 2
    settings.OIDC_RS = {**settings.OIDC_RS, "REALM": "orders"}
    assert [each[1] for each in call(view)[1]][:1] == ["unknown_issuer_alias"]


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (scope_required("write", introspect=True)(plain), "plain"),
        (rest(HasScope("write") & Introspected), "Orders"),
        (rest(HasScope("write"), introspect=["GET"]), "Orders"),
    ],
)
def test_a_view_that_asks_an_issuer_without_introspection(view, name, call):
    status, (fault, outage) = call(view)
    assert (status, fault[:2]) == (503, ("ERROR", "introspection_not_configured"))
    assert f"View {HERE}.{name} demands" in fault[2]
    assert 'OIDC_RS["ISSUERS"]["default"]["INTROSPECTION"]' in fault[2]
    assert outage[:2] == ("WARNING", "introspection_unavailable")
    assert call(view)[1] == [outage]


@pytest.mark.parametrize("classes", [(), (SessionAuthentication,)])
def test_a_permission_without_the_authentication_class(classes, call):
    view = rest(HasScope("write"), authentication=classes)
    status, (fault,) = call(view)
    assert (status, fault[:2]) == (403, ("ERROR", "authentication_missing"))
    assert f"View {HERE}.Orders demands HasScope" in fault[2]
    assert call(view) == (403, [])


@pytest.mark.parametrize("scheme", [None, "Basic"])
def test_without_a_bearer_token_it_is_no_fault(scheme, call):
    view = rest(HasScope("write"), authentication=(SessionAuthentication,))
    assert call(view, scheme=scheme) == (403, [])


@pytest.mark.parametrize("permissions", [(), (AllowAny,), (AllowAny & AllowAny,)])
def test_required_scopes_that_no_permission_reads(permissions, call):
    view = rest(*permissions, required_scopes=["boss"])
    status, (fault,) = call(view)
    assert (status, fault[:2]) == (200, ("ERROR", "required_scopes_unread"))
    assert f"View {HERE}.Orders has required_scopes" in fault[2]
    assert call(view) == (200, [])


@pytest.mark.parametrize(
    ("permissions", "attributes"),
    [
        ((AllowAny,), {}),
        ((AllowAny, TokenHasScope), {"required_scopes": ["write"]}),
        ((AllowAny & TokenHasScope,), {"required_scopes": ["write"]}),
        # Another of ours: the project has thought of tokens.
        ((HasScope("write"),), {"required_scopes": ["write"]}),
    ],
)
def test_required_scopes_that_are_read_or_not_there_are_no_fault(
    permissions, attributes, call
):
    assert call(rest(*permissions, **attributes)) == (200, [])


class LeavesIt(AccessTokenAuthentication):
    """Stands in for a class that leaves some tokens to the next one."""

    def authenticate(self, request):
        super().authenticate(request)


@pytest.mark.parametrize(
    ("authentication", "scheme"),
    [(AccessTokenAuthentication, "Basic"), (LeavesIt, "Bearer")],
)
def test_the_class_that_was_asked_is_no_fault(authentication, scheme, call):
    view = rest(HasScope("write"), authentication=(authentication,))
    assert call(view, scheme=scheme) == (401, [])


@pytest.mark.parametrize(
    ("view", "name"),
    [
        (plain, f"{HERE}.plain"),
        (View.as_view(), "django.views.generic.base.View"),
        (partial(plain), "functools.partial"),
    ],
)
def test_names_of_views(view, name):
    request = FACTORY.get("/")
    request.resolver_match = ResolverMatch(view, (), {})
    assert view_faults.view_of(request) == name


def test_a_request_without_a_view_has_no_name():
    assert view_faults.view_of(FACTORY.get("/")) == "?"
