"""Permissions composed with ``&`` and ``|``; what the challenge then names; ``~``."""

from __future__ import annotations

import itertools

import pytest
from django.http import Http404
from django.test import RequestFactory
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import (
    NOT,
    OR,
    AllowAny,
    BasePermission,
    IsAdminUser,
    IsAuthenticated,
    OperandHolder,
    SingleOperandHolder,
)
from rest_framework.response import Response
from rest_framework.views import APIView

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

A, B, C = HasScope("a"), HasScope("b"), HasScope("c")
GOLD = HasClaim("tier", "gold")


class Yes(BasePermission):
    """Somebody else's permission that allows."""


class No(BasePermission):
    """Somebody else's permission that denies."""

    message = "because"
    code = "foreign"

    def has_permission(self, request, view):
        return False


class AllowedAnyway(A):
    """A project's own, which lets in whom its scope would not."""

    def has_permission(self, request, view):
        return super().has_permission(request, view) or True


class NotThisObject(BasePermission):
    def has_object_permission(self, request, view, obj):
        return False


class OwnObject(AccessTokenPermission):
    def has_token_permission(self, token, request, view):
        return True

    def has_object_permission(self, request, view, obj):
        return request.auth.subject == obj


def ask(*permissions, scopes="", anonymous=False, obj=None, **view_attributes):
    def get(self, request):
        if obj is not None:
            self.check_object_permissions(request, obj)
        return Response("in")

    view = type(
        "View",
        (APIView,),
        {
            "authentication_classes": [AccessTokenAuthentication],
            "permission_classes": permissions,
            "resolve_user": False,
            "get": get,
            **view_attributes,
        },
    )
    request = RequestFactory().get("/")
    if not anonymous:
        force_access_token(request, scopes=list(scopes), subject="alice")
    return view.as_view()(request).render()


def challenge(response):
    return parse_challenge(response["WWW-Authenticate"]).parameters


def assert_insufficient(response, scope):
    assert_refusal(
        response, 403, error="insufficient_scope", scope=scope, body=DRF_BODY
    )


def assert_foreign(response):
    """REST framework's own answer, without a trace of ours."""
    assert response.status_code == 403
    assert "WWW-Authenticate" not in response
    assert "scope" not in response.content.decode()


# Truth.

TABLE = [
    (A & B, lambda a, b: a and b),
    (A | B, lambda a, b: a or b),
    (A & Yes, lambda a, b: a),
    (Yes & A, lambda a, b: a),
    (A & No, lambda a, b: False),
    (No & A, lambda a, b: False),
    (A | No, lambda a, b: a),
    (No | A, lambda a, b: a),
    (A | Yes, lambda a, b: True),
    (Yes | A, lambda a, b: True),
    ((A & Yes) | (No & B), lambda a, b: a),
    ((Yes & Yes) & A, lambda a, b: a),
    ((No | Yes) & (B | No), lambda a, b: b),
    ((No | No) | B, lambda a, b: b),
    (~No & A, lambda a, b: a),
    (A & ~No, lambda a, b: a),
    (~No | A, lambda a, b: True),
    (~Yes | A, lambda a, b: a),
    (~(No & Yes) & B, lambda a, b: b),
    ((A | B) & (B | No), lambda a, b: b),
    (HasAllScopes("a", "b") | GOLD, lambda a, b: a and b),
    (HasAnyScope("a", "b") & IsUser, lambda a, b: a or b),
]


@pytest.mark.parametrize("scopes", ["", "a", "b", "ab"])
@pytest.mark.parametrize(
    ("permission", "truth"),
    TABLE,
    ids=[f"row-{number}" for number in range(len(TABLE))],
)
def test_composition_means_what_it_says(permission, truth, scopes):
    expected = truth("a" in scopes, "b" in scopes)
    response = ask(permission, scopes=scopes)
    assert response.status_code == (200 if expected else 403)


@pytest.mark.parametrize("permission", [row[0] for row in TABLE if not row[1](0, 0)])
def test_whoever_is_anonymous_gets_401(permission):
    response = ask(permission, anonymous=True)
    assert response.status_code == 401
    assert "error" not in challenge(response)


# What the challenge names.


@pytest.mark.parametrize(
    ("permissions", "scopes", "scope"),
    [
        # All the view's scopes, so that a client can ask for them at once.
        pytest.param([A], "", "a", id="one"),
        pytest.param([A, B], "", "a b", id="list"),
        pytest.param([A, B], "a", "a b", id="list-second"),
        pytest.param([A & B], "", "a b", id="and"),
        pytest.param([A & B], "a", "a b", id="and-second"),
        pytest.param([HasAllScopes("a", "b"), A], "", "a b", id="each-once"),
        pytest.param([IsAuthenticated, A], "", "a", id="after-foreign"),
        pytest.param([Yes & A], "", "a", id="foreign-and"),
        pytest.param([(Yes & A) & B], "a", "a b", id="nested"),
        # One alternative of several.
        pytest.param([HasAnyScope("a", "b")], "", "a", id="any-of"),
        pytest.param([A | B], "", "a", id="or"),
        pytest.param([B | A], "", "b", id="or-reversed"),
        pytest.param([A | No], "", "a", id="or-foreign"),
        pytest.param([No | A], "", "a", id="foreign-or"),
        pytest.param([GOLD | B], "", "b", id="first-that-names-scopes"),
        pytest.param([(No | No) | (No | B)], "", "b", id="nested-or"),
        pytest.param([(A & B) | C], "", "a b", id="and-below-or"),
        pytest.param([(A & B) | C], "a", "a b", id="and-below-or-half"),
        pytest.param([(A | B) & C], "b", "b c", id="what-let-in-counts"),
        pytest.param([A | B, C], "b", "b c", id="what-let-in-counts-in-a-list"),
        pytest.param([A | Yes, C], "", "c", id="let-in-by-another"),
        pytest.param([Yes | A, C], "", "c", id="not-asked-at-all"),
        pytest.param([C, A | B], "", "c a", id="not-yet-asked"),
        # A claim is no scope.
        pytest.param([GOLD], "", None, id="claim"),
        pytest.param([A, GOLD], "a", None, id="only-the-claim-is-missing"),
        pytest.param([A & GOLD], "a", None, id="only-the-claim-is-missing-and"),
        pytest.param([A & GOLD], "", "a", id="scope-and-claim"),
        pytest.param([FromIssuer("other")], "", None, id="issuer"),
        pytest.param([IsMachine], "a", None, id="machine"),
        pytest.param([GOLD | IsMachine], "a", None, id="claims-alone"),
    ],
)
def test_403_names_the_scopes_to_ask_for(permissions, scopes, scope):
    assert_insufficient(ask(*permissions, scopes=scopes), scope)


@pytest.mark.parametrize(
    ("permissions", "scope"),
    [
        pytest.param([A, B], "a b", id="list"),
        pytest.param([A | B], "a", id="or"),
        pytest.param([IsAuthenticated, A], "a", id="foreign-first"),
        pytest.param([No & A], "a", id="foreign-and"),
        pytest.param([GOLD], None, id="claim"),
        pytest.param([IsAuthenticated], None, id="foreign"),
    ],
)
def test_401_names_them_too(permissions, scope):
    response = ask(*permissions, anonymous=True)
    assert_refusal(response, 401, scope=scope, body=DRF_BODY)


@pytest.mark.parametrize(
    ("permissions", "scopes"),
    [
        pytest.param([No], "", id="alone"),
        pytest.param([No, A], "", id="before"),
        pytest.param([A, No], "a", id="after-one-that-passed"),
        pytest.param([AllowedAnyway, No], "", id="after-one-that-passed-otherwise"),
        pytest.param([A | Yes, No], "", id="after-a-composite-that-passed"),
        pytest.param([A & No], "a", id="and"),
        pytest.param([No & A], "", id="and-not-asked"),
        pytest.param([(A | Yes) & No], "", id="and-after-a-composite-that-passed"),
        pytest.param([(A | B) & No], "b", id="and-after-an-alternative"),
    ],
)
def test_denials_of_others_are_left_to_rest_framework(permissions, scopes):
    """A composite that passed leaves no trace."""
    response = ask(*permissions, scopes=scopes)
    assert_foreign(response)
    assert response.data["detail"].code in {"foreign", "permission_denied"}


def test_required_scopes_of_the_view_count_as_well():
    response = ask(TokenHasScope & C, scopes="c", required_scopes=[["a", "b"], ["x"]])
    assert_insufficient(response, "a b c")


# Object permissions.


@pytest.mark.parametrize(
    ("permissions", "scopes", "scope"),
    [
        ([A | NotThisObject], "", "a"),
        ([NotThisObject | A], "", "a"),
        ([(A & Yes) | NotThisObject], "", "a"),
    ],
)
def test_an_object_that_a_scope_would_open(permissions, scopes, scope):
    assert_insufficient(ask(*permissions, scopes=scopes, obj="x"), scope)
    assert ask(*permissions, scopes="a", obj="x").status_code == 200


@pytest.mark.parametrize(
    ("permissions", "scopes"),
    [
        ([A, NotThisObject], "a"),
        ([A & NotThisObject], "a"),
        ([NotThisObject & A], "a"),
        ([(A | B) & NotThisObject], "b"),
        ([OwnObject], "a"),
    ],
)
def test_an_object_that_no_scope_would_open(permissions, scopes):
    """A179: whose object it is, is the project's business."""
    assert_foreign(ask(*permissions, scopes=scopes, obj="bobs"))


def test_ones_own_object():
    assert ask(OwnObject, obj="alice").status_code == 200
    assert ask(OwnObject & A, obj="alice", scopes="a").status_code == 200


# Negation.


def compose(*orders):
    """Yield every way to build a composite with one of ours in it."""
    for ours in (A, HasClaim("x", 1), IsMachine, TokenHasScope, OwnObject):
        yield ours
        for one, other in itertools.permutations([ours, IsAuthenticated]):
            yield one & other
            yield one | other
        for holder in (
            IsAuthenticated & IsAdminUser,
            IsAuthenticated | IsAdminUser,
            ~IsAdminUser,
            ~(IsAuthenticated & IsAdminUser),
            B,
            B & IsAuthenticated,
            IsAuthenticated | B,
        ):
            for one, other in itertools.permutations([holder, ours]):
                yield one & other
                yield one | other
                yield IsAuthenticated & (one | other)
                yield (one & other) | ~IsAdminUser


@pytest.mark.parametrize("permission", list(compose()))
def test_negation_is_refused_when_it_is_written(permission):
    """An anonymous request has no scope either: it would be let in."""
    with pytest.raises(TypeError):
        _ = ~permission
    with pytest.raises(TypeError):
        _ = ~(permission & AllowAny)
    with pytest.raises(TypeError):
        _ = ~(AllowAny | permission)


def test_negation_of_others_is_theirs():
    assert ask(~No).status_code == 200
    assert_foreign(ask(~Yes))


def smuggled():
    """Negations built past the operators."""
    yield SingleOperandHolder(NOT, A)
    yield SingleOperandHolder(NOT, OperandHolder(OR, IsAdminUser, A))
    yield SingleOperandHolder(NOT, SingleOperandHolder(NOT, A))
    yield OperandHolder(OR, SingleOperandHolder(NOT, A), IsAdminUser)
    yield SingleOperandHolder(NOT, IsAdminUser & A)


@pytest.mark.parametrize("permission", list(smuggled()))
@pytest.mark.parametrize("anonymous", [True, False])
def test_a_smuggled_negation_lets_nobody_in(permission, anonymous):
    with pytest.raises(TypeError):
        ask(permission, anonymous=anonymous, scopes="")


def test_they_compare_as_classes_do():
    """Python asks ours first, and REST framework's pairs look into what they meet."""
    pair, ours = IsAuthenticated & IsAdminUser, A & B
    assert pair == (IsAuthenticated & IsAdminUser)
    assert len({A, ours, pair}) == 3
    for one, other in itertools.permutations(
        [pair, A, ours, ~IsAdminUser, AllowAny], 2
    ):
        assert one != other


# Other ways through a view.


class Hiding(APIView):
    """A view that tells nobody what exists."""

    authentication_classes = [AccessTokenAuthentication]
    resolve_user = False
    denied_with: type[Exception] | None = None

    def permission_denied(self, request, message=None, code=None):
        if self.denied_with is not None:
            raise self.denied_with
        super().permission_denied(request, message, code)

    def get(self, request):
        return Response("in")


def hidden(permission, *, scopes=None, **attributes):
    view = type("View", (Hiding,), {"permission_classes": [permission], **attributes})
    request = RequestFactory().get("/")
    if scopes is not None:
        force_access_token(request, scopes=list(scopes))
    return view.as_view()(request).render()


def test_a_view_may_override_permission_denied():
    assert hidden(A, denied_with=Http404).status_code == 404
    assert hidden(A, scopes="b", denied_with=Http404).status_code == 404
    assert hidden(A, scopes="a", denied_with=Http404).status_code == 200
    assert_insufficient(hidden(A, scopes="b"), "a")
    assert_refusal(hidden(A), 401, scope="a", body=DRF_BODY)
    assert_insufficient(hidden(A, scopes="b", denied_with=PermissionDenied), "a")
    assert_foreign(hidden(No, scopes="b", denied_with=PermissionDenied))
    response = hidden(A, scopes="b", denied_with=NotAuthenticated)
    assert_refusal(response, 401, scope="a", body=DRF_BODY)


@pytest.mark.parametrize("base", [NotAuthenticated, PermissionDenied])
@pytest.mark.parametrize("scopes", [None, "b"])
def test_an_answer_of_the_projects_own_stays(base, scopes):
    own = type("Own", (base,), {"status_code": 402, "default_code": "unpaid"})
    response = hidden(A, scopes=scopes, denied_with=own)
    assert (response.status_code, response.data["detail"].code) == (402, "unpaid")
    assert "scope" not in response.get("WWW-Authenticate", "")


def test_a_view_that_denies_nobody_lets_in_whom_it_wants():
    """REST framework's rule, and the project's own doing."""
    response = hidden(A, permission_denied=lambda self, request, **kwargs: None)
    assert response.status_code == 200


def test_a_view_may_choose_its_permissions():
    class View(Hiding):
        def get_permissions(self):
            return (permission() for permission in (A, B))

    request = RequestFactory().get("/")
    force_access_token(request, scopes=["a"])
    assert_insufficient(View.as_view()(request).render(), "a b")


def test_a_view_may_check_permissions_its_own_way():
    class View(Hiding):
        def check_permissions(self, request):
            self.permission_denied(request)

    request = RequestFactory().get("/")
    force_access_token(request, scopes=["a"])
    assert_foreign(View.as_view()(request).render())
    response = View.as_view()(RequestFactory().get("/")).render()
    assert_refusal(response, 401, body=DRF_BODY)


def test_permissions_that_outlive_a_request_leave_no_trace_in_the_next():
    class UntilNow(BasePermission):
        denies = False

        def has_permission(self, request, view):
            return not self.denies

    kept = [UntilNow(), A()]
    assert_insufficient(ask(get_permissions=lambda view: kept), "a")
    UntilNow.denies = True
    assert_foreign(ask(get_permissions=lambda view: kept))


def test_a_view_may_want_any_of_its_permissions():
    class View(Hiding):
        permission_classes = [A, Yes]

        def check_permissions(self, request):
            asked = self.get_permissions()
            if not any(each.has_permission(request, self) for each in asked):
                self.permission_denied(request)

        def get(self, request):
            self.permission_denied(request, "of another tenant")

    request = RequestFactory().get("/")
    force_access_token(request)
    assert_foreign(View.as_view()(request).render())


def test_a_handler_that_denies_is_not_confused_with_a_permission():
    class View(Hiding):
        permission_classes = [A | Yes]

        def get(self, request):
            self.permission_denied(request, "not on Sundays", "sunday")

    request = RequestFactory().get("/")
    force_access_token(request)
    response = View.as_view()(request).render()
    assert_foreign(response)
    assert response.data["detail"].code == "sunday"


def test_a_swallowed_denial_leaves_no_trace():
    class View(Hiding):
        permission_classes = [Yes]

        def get(self, request):
            self.permission_classes = [A]
            with pytest.raises(Exception) as raised:
                self.check_permissions(request)
            assert raised.value.auth_header
            raise PermissionDenied("something else")

    request = RequestFactory().get("/")
    force_access_token(request)
    assert_foreign(View.as_view()(request).render())


@pytest.mark.django_db
def test_whom_a_session_let_in_hears_nothing_of_scopes(django_user_model):
    """A scope is nothing a session could ask for."""

    class View(Hiding):
        authentication_classes = [AccessTokenAuthentication, SessionAuthentication]
        permission_classes = [A]

    request = RequestFactory().get("/")
    request.user = django_user_model.objects.create_user("visitor")
    assert_foreign(View.as_view()(request).render())
