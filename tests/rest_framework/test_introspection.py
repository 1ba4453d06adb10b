"""Views of REST framework that have the issuer asked. RFC 7662."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from django_oidc_rs.core.errors import InactiveToken
from django_oidc_rs.core.http import FetchError
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    AccessTokenPermission,
    HasScope,
    Introspected,
    IntrospectionAuthentication,
)
from django_oidc_rs.rest_framework.exceptions import Refused
from django_oidc_rs.testing import FakeIssuer, access_token, force_access_token, install
from tests.http_answers import DRF_BODY, assert_refusal

PAY = HasScope("pay")


class Signatory(AccessTokenPermission):
    introspect = ["POST"]

    def has_token_permission(self, token, request, view):
        return token.claim("signatory") is True


class Counting(BasePermission):
    """Somebody else's permission; it notes which token it judged."""

    def has_permission(self, request, view):
        view.judged.append(request.auth.validated_by)
        return True


@pytest.fixture
def issuer(settings):
    settings.OIDC_RS = {
        "AUDIENCE": "https://api.test",
        "ISSUERS": {
            "default": {
                "ISSUER": "https://issuer.test",
                "INTROSPECTION": {
                    "CLIENT_ID": "api",
                    "CLIENT_SECRET": "from-the-store",
                },
            }
        },
    }
    fake = FakeIssuer()
    with install(fake):
        yield fake


def ask(raw_token=None, *, method="POST", forced=None, **attributes):
    """Send a request to a view with ``attributes``."""

    def serve(view, request):
        by = request.auth and request.auth.validated_by
        return Response({"by": by, "user": str(request.user)})

    view = type(
        "View",
        (APIView,),
        {
            "authentication_classes": [AccessTokenAuthentication],
            "permission_classes": [IsAuthenticated],
            "resolve_user": False,
            "get": serve,
            "post": serve,
            "judged": [],
            **attributes,
        },
    )
    headers = {"Authorization": f"Bearer {raw_token}"} if raw_token else {}
    request = RequestFactory().generic(method, "/", headers=headers)
    if forced is not None:
        force_access_token(request, **forced)
    response = view.as_view()(request).render()
    response.judged = view.judged
    return response


def asked(issuer):
    return len(issuer.introspection.questions)


HIGH_RISK = [
    {"introspect": True},
    {"introspect": ["POST"]},
    {"authentication_classes": [IntrospectionAuthentication]},
    {"permission_classes": [Introspected]},
    {"permission_classes": [IsAuthenticated & Introspected]},
    {"permission_classes": [Introspected & PAY]},
    {"permission_classes": [PAY & Introspected]},
    {"permission_classes": [PAY, Introspected]},
    {"permission_classes": [HasScope("admin") | Introspected]},
    {"permission_classes": [Signatory]},
    {"permission_classes": [PAY & (Signatory | HasScope("other"))]},
]


@pytest.mark.parametrize("attributes", HIGH_RISK)
def test_a_high_risk_view(attributes, issuer):
    raw_token = issuer.access_token(scopes=["pay"], signatory=True)
    response = ask(raw_token, **attributes)
    assert response.status_code == 200
    assert response.data["by"] == "introspection"
    assert asked(issuer) == 1
    issuer.introspection.failure = FetchError("status", status=400)
    response = ask(raw_token, **attributes)
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert asked(issuer) == 2
    issuer.introspection.failure = None
    issuer.revoke(raw_token)
    assert_refusal(
        ask(raw_token, **attributes), 401, error="invalid_token", body=DRF_BODY
    )
    # Garbage, and nobody at all, cost no question.
    for bad in ("garbage", issuer.access_token(exp=1), None):
        assert ask(bad, **attributes).status_code == 401
    assert asked(issuer) == 3


@pytest.mark.parametrize("attributes", HIGH_RISK)
def test_the_test_kit_passes_it(attributes, issuer):
    forced = {"scopes": ["pay"], "claims": {"signatory": True}}
    assert ask(forced=forced, **attributes).data["by"] == "test"
    assert asked(issuer) == 0


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"introspect": False},
        {"introspect": ["POST"]},
        {"permission_classes": [Signatory]},
        {"permission_classes": [PAY | Introspected]},
        {"permission_classes": [PAY & HasScope("pay") | Introspected]},
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_need_not_ask_does_not(attributes, method, issuer):
    raw_token = issuer.access_token(scopes=["pay"], signatory=True)
    issuer.revoke(raw_token)
    assert ask(raw_token, method=method, **attributes).status_code == 200
    assert asked(issuer) == 0


def test_only_those_are_asked_about_that_got_that_far(issuer):
    raw_token = issuer.access_token(scopes=["read"])
    response = ask(raw_token, permission_classes=[PAY & Introspected])
    assert_refusal(
        response, 403, error="insufficient_scope", scope="pay", body=DRF_BODY
    )
    assert asked(issuer) == 0


@pytest.mark.parametrize(
    "permissions",
    [
        [PAY & Introspected],
        [PAY, Introspected],
        [Introspected, PAY],
        [Introspected & PAY],
    ],
)
def test_what_the_issuer_says_now_is_judged_by_all(permissions, issuer):
    # The JWT has the scope; the issuer took it back since.
    raw_token = issuer.access_token(scopes=["pay"])
    issuer.introspection.answer = {"active": True, "scope": "read"}
    response = ask(raw_token, permission_classes=permissions)
    assert_refusal(
        response, 403, error="insufficient_scope", scope="pay", body=DRF_BODY
    )
    assert asked(issuer) == 1


def test_permissions_are_asked_twice_only_where_the_token_is_another(issuer):
    raw_token = issuer.access_token()
    response = ask(raw_token, permission_classes=[Counting, Introspected])
    assert response.judged == ["jwt", "introspection"]
    response = ask(raw_token, permission_classes=[Counting])
    assert response.judged == ["jwt"]
    response = ask(
        raw_token, introspect=True, permission_classes=[Counting, Introspected]
    )
    assert response.judged == ["introspection"]


def test_a_claim_of_the_answer_is_seen(issuer):
    raw_token = issuer.access_token()
    assert ask(raw_token, permission_classes=[Signatory]).status_code == 403
    issuer.introspection.answer = {"active": True, "signatory": True}
    assert ask(raw_token, permission_classes=[Signatory]).status_code == 200
    # A method that does not ask knows nothing of it.
    response = ask(raw_token, method="GET", permission_classes=[Signatory])
    assert response.status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("resolve_user", [True, False])
def test_the_user_is_whom_the_issuer_names(resolve_user, issuer):
    raw_token = issuer.access_token(subject=None)
    options = {"permission_classes": [Introspected], "resolve_user": resolve_user}
    client = ask(raw_token, **options).data["user"]
    issuer.introspection.answer = {"active": True, "sub": "bob"}
    bob = ask(raw_token, **options).data["user"]
    assert client != bob
    assert (
        bob == ask(issuer.access_token("bob"), resolve_user=resolve_user).data["user"]
    )


@pytest.mark.django_db
def test_a_user_of_an_own_authentication_class_stays(issuer):
    class Own(AccessTokenAuthentication):
        def authenticate(self, request):
            _user, token = super().authenticate(request)
            return get_user_model()(username="own"), token

    response = ask(
        issuer.access_token(),
        authentication_classes=[Own],
        permission_classes=[Introspected],
    )
    assert response.data == {"by": "introspection", "user": "own"}


@pytest.mark.django_db
def test_a_user_who_is_not_let_in(issuer):
    user = get_user_model()
    ask(issuer.access_token("bob"), resolve_user=True)
    user.objects.update(is_active=False)
    raw_token = issuer.access_token(subject=None)
    issuer.introspection.answer = {"active": True, "sub": "bob"}
    response = ask(raw_token, permission_classes=[Introspected], resolve_user=True)
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)


@pytest.mark.django_db
def test_a_session_is_nobody_the_issuer_can_be_asked_about(issuer):
    class Session(SessionAuthentication):
        def authenticate(self, request):
            return get_user_model()(username="staff"), None

    response = ask(authentication_classes=[Session], permission_classes=[Introspected])
    assert response.status_code == 403
    assert asked(issuer) == 0


def test_a_token_that_is_not_of_this_request_is_none(issuer):
    # force_authenticate of REST framework: there are no credentials to ask about.
    class View(APIView):
        authentication_classes = [AccessTokenAuthentication]
        permission_classes = [Introspected]

        def post(self, request):
            return Response("in")

    request = APIRequestFactory().post("/")
    force_authenticate(request, user=get_user_model()(), token=access_token())
    assert View.as_view()(request).status_code == 403
    assert asked(issuer) == 0


def test_a_misspelt_demand_raises(issuer):
    for attributes in ({"introspect": "POST"}, {"introspect": ["PSOT"]}):
        with pytest.raises(TypeError, match="introspect must"):
            ask(issuer.access_token(), **attributes)
    broken = type("Broken", (Introspected,), {"introspect": "POST"})
    with pytest.raises(TypeError, match="introspect must"):
        ask(issuer.access_token(), permission_classes=[broken])


@pytest.mark.parametrize(
    ("authentication", "by"),
    [
        (AccessTokenAuthentication, "jwt"),
        (IntrospectionAuthentication, "introspection"),
    ],
)
@pytest.mark.django_db
def test_a_request_without_a_view(authentication, by, issuer):
    def made(raw_token):
        headers = {"Authorization": f"Bearer {raw_token}"}
        plain = RequestFactory().get("/", headers=headers)
        return Request(plain, authenticators=[authentication()])

    raw_token = issuer.access_token()
    assert made(raw_token).auth.validated_by == by
    issuer.revoke(raw_token)
    request, permission = made(issuer.access_token()), Introspected()
    assert permission.has_permission(request, None)
    request = Request(
        made(raw_token)._request, authenticators=[AccessTokenAuthentication()]
    )
    assert request.auth.validated_by == "jwt"
    with pytest.raises(Refused) as caught:
        permission.has_permission(request, None)
    assert isinstance(caught.value.__cause__, InactiveToken)


def test_objects_are_judged_by_the_token_of_now(issuer):
    raw_token = issuer.access_token(scopes=["pay"])

    def serve(view, request):
        view.check_object_permissions(request, object())
        return Response({"by": request.auth.validated_by})

    permissions = [PAY & Introspected | Introspected & PAY]
    response = ask(raw_token, permission_classes=permissions, post=serve)
    assert response.data == {"by": "introspection"}
    assert asked(issuer) == 1
