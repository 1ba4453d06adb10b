"""Permissions, one by one."""

from __future__ import annotations

import abc

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from django_oidc_rs.core.scopes import ScopeRequirement
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    AccessTokenPermission,
    FromIssuer,
    HasAllScopes,
    HasAnyScope,
    HasClaim,
    HasScope,
    IsMachine,
    IsUser,
    TokenHasScope,
)
from django_oidc_rs.testing import force_access_token
from tests.http_answers import DRF_BODY, assert_refusal
from tests.http_syntax import parse_challenge

ISSUERS = {
    "default": {"ISSUER": "https://issuer.test"},
    "employees": {"ISSUER": "https://employees.test"},
}


@pytest.fixture(autouse=True)
def two_issuers(settings):
    settings.OIDC_RS = {**settings.OIDC_RS, "ISSUERS": ISSUERS}


def ask(permission, *, method="GET", token=None, **view_attributes):
    """Send a request with ``token`` (its keywords) to a view under ``permission``."""
    view = type(
        "View",
        (APIView,),
        {
            "authentication_classes": [AccessTokenAuthentication],
            "permission_classes": [permission],
            "resolve_user": False,
            **dict.fromkeys(
                ("get", "post", "put"), lambda self, request: Response("in")
            ),
            **view_attributes,
        },
    )
    request = RequestFactory().generic(method, "/")
    if token is not None:
        force_access_token(request, **token)
    response = view.as_view()(request)
    return response.render()


def allowed(permission, token, **options):
    """Whether ``permission`` lets ``token`` in; if not, it says so as it must."""
    response = ask(permission, token=token, **options)
    if response.status_code == 200:
        return True
    assert response.status_code == 403
    parameters = parse_challenge(response["WWW-Authenticate"]).parameters
    assert_refusal(
        response,
        403,
        error="insufficient_scope",
        scope=parameters.get("scope"),
        body=DRF_BODY,
    )
    return False


def named(permission, token=None, **options):
    """Return the ``scope`` of the challenge, None without one."""
    response = ask(permission, token=token, **options)
    assert response.status_code in (401, 403)
    return parse_challenge(response["WWW-Authenticate"]).parameters.get("scope")


# Scopes.


@pytest.mark.parametrize(
    ("permission", "scopes", "expected"),
    [
        (HasScope("a"), ["a"], True),
        (HasScope("a"), ["b", "a"], True),
        (HasScope("a"), [], False),
        (HasScope("a"), ["b"], False),
        (HasScope("a"), ["A"], False),
        (HasScope("a"), ["aa"], False),
        (HasScope("a"), ["a:read"], False),
        (HasScope("a:read"), ["a"], False),
        (HasScope("read"), ["readwrite"], False),
        (HasScope("read"), ["xread", "read,write"], False),
        (HasAllScopes("a", "b"), ["a", "b", "c"], True),
        (HasAllScopes("a", "b"), ["a"], False),
        (HasAllScopes("a", "b"), ["b"], False),
        (HasAnyScope("a", "b"), ["a"], True),
        (HasAnyScope("a", "b"), ["b"], True),
        (HasAnyScope("a", "b"), ["c"], False),
        (HasAnyScope("a", "b"), [], False),
    ],
)
def test_scopes_match_exactly(permission, scopes, expected):
    """SC-01 to SC-03, SC-09, A169, A171."""
    assert allowed(permission, {"scopes": scopes}) is expected


@pytest.mark.parametrize(
    ("permission", "scope"),
    [
        (HasScope("a"), "a"),
        (HasAllScopes("a", "c"), "a c"),
        (HasAnyScope("b", "a"), "b"),
    ],
)
def test_the_challenge_names_what_would_do(permission, scope):
    assert named(permission, {"scopes": ["x"]}) == scope
    assert named(permission, {"scopes": ["c"]}) == scope
    assert named(permission) == scope


@pytest.mark.parametrize("factory", [HasScope, HasAllScopes, HasAnyScope])
def test_who_granted_the_scope_counts(factory):
    one, both = (
        factory("a", issuers=aliases)
        for aliases in (["employees"], ("employees", "default"))
    )
    for alias, expected in (("employees", True), ("default", False)):
        token = {"scopes": ["a"], "issuer": alias}
        assert allowed(one, token) is expected
        assert allowed(both, token)
        assert allowed(factory("a"), token)
        assert not allowed(both, {"scopes": ["b"], "issuer": alias})


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(lambda: HasScope("a b"), ValueError, id="two-in-one"),
        pytest.param(lambda: HasScope(""), ValueError, id="empty"),
        pytest.param(lambda: HasScope('a"'), ValueError, id="quote"),
        pytest.param(lambda: HasScope(None), ValueError, id="none"),
        pytest.param(lambda: HasScope("a\n"), ValueError, id="newline"),
        pytest.param(HasAllScopes, ValueError, id="no-scopes"),
        pytest.param(HasAnyScope, ValueError, id="no-alternatives"),
        pytest.param(lambda: HasAllScopes(["a"]), ValueError, id="a-list"),
        pytest.param(lambda: HasScope("a", "b"), TypeError, id="two"),
        pytest.param(HasScope, TypeError, id="nothing"),
        pytest.param(lambda: HasScope("a", issuers="b"), TypeError, id="text"),
        pytest.param(lambda: HasAnyScope("a", issuers="b"), TypeError, id="any-text"),
        pytest.param(lambda: HasClaim("a", 1, issuers="b"), TypeError, id="claim-text"),
        pytest.param(lambda: HasClaim("a", None), TypeError, id="claim-none"),
        pytest.param(FromIssuer, ValueError, id="no-issuer"),
    ],
)
def test_mistakes_are_found_at_import(make, error):
    """A173: nothing demanded is a mistake, not everything allowed."""
    with pytest.raises(error):
        make()


# Claims and issuers.

CLAIMS = {
    "tier": "gold",
    "level": 1,
    "ratio": 1.0,
    "flag": True,
    "off": False,
    "zero": 0,
    "null": None,
    "roles": ["admin", 1, True, ["nested"]],
    "realm_access": {"roles": ["editor"], "deep": {"er": "x"}},
    "https://x.example/roles": ["boss"],
    "dotted.name": "literal",
    "dotted": {"name": "nested"},
}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("tier", "gold", True),
        ("tier", "Gold", False),
        ("tier", "gol", False),
        ("tier", ["gold"], False),
        ("level", 1, True),
        ("level", True, False),
        ("level", 1.0, False),
        ("level", "1", False),
        ("ratio", 1.0, True),
        ("ratio", 1, False),
        ("flag", True, True),
        ("flag", 1, False),
        ("flag", "true", False),
        ("off", False, True),
        ("off", 0, False),
        ("zero", 0, True),
        ("zero", False, False),
        ("null", "None", False),
        ("roles", "admin", True),
        ("roles", "adm", False),
        ("roles", 1, True),
        ("roles", True, True),
        ("roles", 1.0, False),
        ("roles", "nested", False),
        ("realm_access.roles", "editor", True),
        ("realm_access.roles", "admin", False),
        ("realm_access.deep.er", "x", True),
        ("realm_access.deep.er.more", "x", False),
        ("realm_access", "roles", False),
        ("https://x.example/roles", "boss", True),
        ("dotted.name", "literal", True),
        ("dotted.name", "nested", False),
        ("missing", "x", False),
        ("missing.path", "x", False),
    ],
)
def test_a_claim_matches_by_type_and_value(path, value, expected):
    assert allowed(HasClaim(path, value), {"claims": CLAIMS}) is expected


def test_a_true_in_a_list_is_no_one():
    claims = {"list": [True], "other": [1]}
    assert not allowed(HasClaim("list", 1), {"claims": claims})
    assert not allowed(HasClaim("other", True), {"claims": claims})


def test_who_made_the_claim_counts():
    permission = HasClaim("tier", "gold", issuers=["employees"])
    for alias, expected in (("employees", True), ("default", False)):
        token = {"claims": {"tier": "gold"}, "issuer": alias}
        assert allowed(permission, token) is expected
    assert not allowed(permission, {"issuer": "employees"})


def test_a_failed_claim_names_no_scope():
    assert named(HasClaim("tier", "gold"), {"scopes": ["a"]}) is None


@pytest.mark.parametrize(
    ("aliases", "alias", "expected"),
    [
        (["employees"], "employees", True),
        (["employees"], "default", False),
        (["default", "employees"], "default", True),
        (["https://employees.test"], "employees", False),
    ],
)
def test_from_issuer(aliases, alias, expected):
    assert allowed(FromIssuer(*aliases), {"issuer": alias}) is expected


@pytest.mark.parametrize(
    ("permission", "machine", "expected"),
    [
        (IsMachine, True, True),
        (IsMachine, False, False),
        (IsUser, True, False),
        (IsUser, False, True),
    ],
)
def test_machines_and_users(permission, machine, expected):
    assert allowed(permission, {"is_machine": machine}) is expected


# Whoever has no access token is denied.

EVERY_KIND = [
    HasScope("a"),
    HasAllScopes("a", "b"),
    HasAnyScope("a", "b"),
    HasClaim("tier", "gold"),
    FromIssuer("default"),
    IsMachine,
    IsUser,
    TokenHasScope,
]


class Generous(AccessTokenPermission):
    """A project's own: anybody with a token."""

    def has_token_permission(self, token, request, view):
        return "truthy"


@pytest.mark.parametrize("permission", [*EVERY_KIND, Generous])
def test_anonymous_is_401(permission):
    response = ask(permission, required_scopes=["a"])
    assert response.status_code == 401
    assert "error" not in parse_challenge(response["WWW-Authenticate"]).parameters


@pytest.mark.parametrize("permission", [*EVERY_KIND, Generous])
@pytest.mark.parametrize("auth", [None, "a", {"scope": "a"}, object()])
def test_what_another_class_calls_auth_is_no_token(permission, auth):
    request = Request(RequestFactory().get("/"))
    request.auth = auth
    view = APIView()
    view.required_scopes = ["a"]
    assert permission().has_permission(request, view) is False


# A project's own.


class Weekday(AccessTokenPermission):
    def has_token_permission(self, token, request, view):
        return token.claim("day") == view.day


class Naming(AccessTokenPermission):
    def requirement(self, request, view):
        return ScopeRequirement.all_of(["own", view.day])


def test_a_subclass_sees_token_and_view():
    assert allowed(Weekday, {"claims": {"day": "mon"}}, day="mon")
    assert not allowed(Weekday, {"claims": {"day": "tue"}}, day="mon")
    assert named(Weekday, {}, day="mon") is None


def test_a_subclass_may_name_scopes():
    assert named(Naming, {}, day="mon") == "own mon"
    assert not allowed(Naming, {"scopes": ["own", "mon"]}, day="mon")


def test_the_base_alone_denies():
    assert not allowed(AccessTokenPermission, {"scopes": ["a"]})


def test_what_a_subclass_returns_is_a_yes_or_a_no():
    assert ask(Generous, token={}).status_code == 200


def test_the_classes_are_classes():
    permission = HasScope("a")
    assert isinstance(permission, type)
    assert issubclass(permission, BasePermission)
    assert isinstance(permission(), permission)
    assert permission != HasScope("a")
    assert len({permission, permission, IsUser}) == 2
    assert not issubclass(type(permission), abc.ABCMeta)


# TokenHasScope.


def scopes_by_view(required, token_scopes, **options):
    return allowed(
        TokenHasScope, {"scopes": token_scopes}, required_scopes=required, **options
    )


@pytest.mark.parametrize(
    ("required", "scopes", "expected"),
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (("a", "b"), ["a", "b"], True),
        (["a", "b"], ["a"], False),
        (frozenset({"a"}), ["a"], True),
        ([["a", "b"], ["c"]], ["c"], True),
        ([["a", "b"], ["c"]], ["b", "a"], True),
        ([["a", "b"], ["c"]], ["a"], False),
        ((("a",), ["b"]), ["b"], True),
    ],
)
def test_lists_and_lists_of_lists(required, scopes, expected):
    assert scopes_by_view(required, scopes) is expected


def test_the_first_alternative_is_named():
    options = {"required_scopes": [["a", "b"], ["c"]]}
    assert named(TokenHasScope, {}, **options) == "a b"
    assert named(TokenHasScope, **options) == "a b"


@pytest.mark.parametrize("required", [None, [], (), {}, {"POST": ["a"]}, {"GET": []}])
def test_nothing_configured_is_denied(required):
    """A173."""
    assert not scopes_by_view(required, ["a"])
    assert named(TokenHasScope, {"scopes": ["a"]}, required_scopes=required) is None


def test_no_attribute_at_all_is_denied():
    assert not allowed(TokenHasScope, {"scopes": ["a"]})


@pytest.mark.parametrize("get", ["GET", "get", "Get"])
@pytest.mark.parametrize("post", ["POST", "post", "Post"])
def test_methods_in_any_case(get, post):
    required = {get: ["read"], post: [["write"], ["admin", "all"]]}
    for method, scopes, expected in (
        ("GET", ["read"], True),
        ("GET", ["write"], False),
        ("HEAD", ["read"], True),
        ("HEAD", ["write"], False),
        ("POST", ["write"], True),
        ("POST", ["all", "admin"], True),
        ("POST", ["admin"], False),
        ("POST", ["read"], False),
        ("PUT", ["read", "write"], False),
        ("OPTIONS", ["read", "write"], False),
    ):
        assert scopes_by_view(required, scopes, method=method) is expected, method


def test_options_can_be_opened():
    assert scopes_by_view({"OPTIONS": ["read"]}, ["read"], method="OPTIONS")


def test_an_entry_for_head_is_not_looked_at():
    """HEAD is GET: it tells the same."""
    required = {"HEAD": ["nothing"], "GET": ["read"]}
    assert not scopes_by_view(required, ["nothing"], method="HEAD")
    assert scopes_by_view(required, ["read"], method="HEAD")


@pytest.mark.parametrize(
    ("method", "scopes", "status"),
    [
        ("GET", ["list"], 200),
        ("GET", ["get"], 403),
        ("HEAD", ["list"], 200),
        ("POST", ["post"], 200),
        ("POST", ["list"], 403),
        ("OPTIONS", ["list", "post"], 403),
    ],
)
def test_actions_come_before_methods(method, scopes, status):
    class Views(ViewSet):
        authentication_classes = [AccessTokenAuthentication]
        permission_classes = [TokenHasScope]
        required_scopes = {"list": ["list"], "GET": ["get"], "post": ["post"]}

        def list(self, request):
            return Response([])

        def create(self, request):
            return Response([])

    request = RequestFactory().generic(method, "/")
    force_access_token(request, scopes=scopes)
    view = Views.as_view({"get": "list", "post": "create"})
    assert view(request).status_code == status


@pytest.mark.parametrize(
    ("issuers", "alias", "expected"),
    [
        (["employees"], "employees", True),
        (["employees"], "default", False),
        ((), "default", True),
    ],
)
def test_the_view_says_whose_grant_counts(issuers, alias, expected):
    token = {"scopes": ["a"], "issuer": alias}
    options = {"required_scopes": ["a"], "scope_issuers": issuers}
    assert allowed(TokenHasScope, token, **options) is expected


@pytest.mark.parametrize(
    "required",
    [
        pytest.param("a", id="text"),
        pytest.param({"GET": "a"}, id="text-in-dict"),
        pytest.param(["a", ["b"]], id="mixed"),
        pytest.param([["a"], "b"], id="mixed-2"),
        pytest.param([[]], id="empty-alternative"),
        pytest.param([["a"], []], id="one-empty-alternative"),
        pytest.param([1], id="number"),
        pytest.param([["a", 1]], id="number-inside"),
        pytest.param(["a b"], id="two-in-one"),
        pytest.param([""], id="empty-scope"),
        pytest.param([None], id="none"),
        pytest.param(7, id="no-list"),
        pytest.param([b"a"], id="bytes"),
    ],
)
def test_wrong_shapes_are_loud_and_let_nobody_in(required):
    with pytest.raises(ImproperlyConfigured, match="required_scopes"):
        ask(TokenHasScope, token={"scopes": ["a", "b"]}, required_scopes=required)


def test_a_wrong_shape_of_issuers_is_loud():
    with pytest.raises(TypeError):
        ask(
            TokenHasScope,
            token={"scopes": ["a"]},
            required_scopes=["a"],
            scope_issuers="default",
        )
