"""The authentication class: every answer a caller can get, over both handlers."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory
from django.urls import path
from rest_framework.authentication import (
    BaseAuthentication,
    BasicAuthentication,
    SessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, force_authenticate
from rest_framework.views import APIView

from django_oidc_rs.core.errors import InvalidToken, KeysUnavailable, UserRejected
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.responses import answer
from django_oidc_rs.rest_framework import AccessTokenAuthentication, HasScope
from django_oidc_rs.rest_framework.exceptions import CredentialsRequired, Refused
from django_oidc_rs.testing import force_access_token, install
from tests.http_answers import (
    DRF_BODY,
    assert_refusal,
    assert_shareable_by_nobody,
    both,
    wsgi,
)

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def told(request):
    user = request.user
    return Response(
        {
            "user": user.__class__.__name__ if user.is_authenticated else None,
            "name": user.get_username(),
            "subject": getattr(request.auth, "subject", None),
        }
    )


class Base(APIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return told(request)

    post = put = delete = get


class Local(Base):
    pass


class Token(Base):
    resolve_user = False


class Scoped(Base):
    resolve_user = False
    permission_classes = [HasScope("a")]


class Public(Base):
    resolve_user = False
    permission_classes = [AllowAny]


class BearerThenBasic(Base):
    authentication_classes = [AccessTokenAuthentication, BasicAuthentication]


class BearerThenSession(Base):
    authentication_classes = [AccessTokenAuthentication, SessionAuthentication]


class PublicBearerThenSession(BearerThenSession):
    permission_classes = [AllowAny]


class SessionThenBearer(Base):
    authentication_classes = [SessionAuthentication, AccessTokenAuthentication]


class Refusing(BaseAuthentication):
    def authenticate(self, request):
        raise AuthenticationFailed("refused by another class")


class BearerThenRefusing(Base):
    authentication_classes = [AccessTokenAuthentication, Refusing]


urlpatterns = [
    path("local", Local.as_view()),
    path("token", Token.as_view()),
    path("scoped", Scoped.as_view()),
    path("public", Public.as_view()),
    path("basic-second", BearerThenBasic.as_view()),
    path("session-second", BearerThenSession.as_view()),
    path("public-session-second", PublicBearerThenSession.as_view()),
    path("session-first", SessionThenBearer.as_view()),
    path("refusing-second", BearerThenRefusing.as_view()),
]

METHODS = pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])


# Letting in.


@both
@METHODS
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_good_token_comes_in_without_a_query(
    send, method, scheme, fake_issuer, django_assert_num_queries
):
    headers = {"Authorization": f"{scheme} {fake_issuer.access_token()}"}
    with django_assert_num_queries(0):
        response = send("/token", method=method, headers=headers)
    assert response.status_code == 200
    assert_shareable_by_nobody(response)
    assert not response.cookies
    assert "WWW-Authenticate" not in response


@both
def test_the_local_user_costs_one_query(send, fake_issuer, django_assert_num_queries):
    send("/local", fake_issuer.access_token("alice"))
    user = FederatedIdentity.objects.get().user
    with django_assert_num_queries(1):
        response = send("/local", fake_issuer.access_token("alice"))
    assert response.json() == {
        "user": "User",
        "name": user.username,
        "subject": "alice",
    }


@both
def test_a_machine_is_no_row(send, fake_issuer, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = send("/local", fake_issuer.access_token("test-client"))
    assert response.json()["user"] == "TokenUser"


@both
@pytest.mark.parametrize(
    ("authorization", "subject"), [(None, None), ("Basic YTpi", None)]
)
def test_a_public_view_lets_anybody_in(send, authorization, subject, fake_issuer):
    headers = {"Authorization": authorization} if authorization else {}
    response = send("/public", headers=headers)
    assert response.json() == {"user": None, "name": "", "subject": subject}
    # The answer would have been another with a token.
    assert_shareable_by_nobody(response)


@both
def test_a_public_view_knows_who_asks(send, fake_issuer):
    response = send("/public", fake_issuer.access_token("alice"))
    assert response.json()["subject"] == "alice"


# Refusing.


@both
@METHODS
@pytest.mark.parametrize(("url", "scope"), [("/token", None), ("/scoped", "a")])
def test_no_credentials(send, method, url, scope, fake_issuer):
    """A bare challenge, 401 and not 403; A98, SC-10."""
    response = send(url, method=method)
    assert_refusal(response, 401, scope=scope, body=DRF_BODY)
    if response.content:
        assert json.loads(response.content)["code"] == "not_authenticated"


MALFORMED = [
    pytest.param("Bearer", id="TE-06"),
    pytest.param("Bearer ", id="TE-06-space"),
    pytest.param("Bearer  a", id="TE-08"),
    pytest.param("Bearer a ", id="trailing-space"),
    pytest.param(" Bearer a", id="leading-space"),
    pytest.param("Bearer a b", id="TE-09"),
    pytest.param("Bearer\ta", id="tab"),
    pytest.param("Bearer a\tb", id="inner-tab"),
    pytest.param("Bearer a\x00", id="nul"),
    pytest.param("Bearer a\x7f", id="del"),
    pytest.param("Bearer t\xf6k", id="A95-latin-1"),
    pytest.param("Bearer \xff\xfe", id="A95-bytes"),
    pytest.param("Bearer a\xa0b", id="no-break-space"),
    pytest.param("Bearer a,Bearer b", id="two-joined"),
    pytest.param("Bearer a, bearer b", id="two"),
    pytest.param("Basic YTpi, Bearer b", id="basic-and-bearer"),
    pytest.param("Bearer b, Basic YTpi", id="bearer-and-basic"),
    pytest.param("Bearer a, DPoP b", id="bearer-and-dpop"),
    pytest.param('Digest a="b", Bearer c', id="digest-and-bearer"),
    pytest.param("Bearer a,", id="trailing-comma"),
]


@both
@pytest.mark.parametrize("url", ["/token", "/public"])
@pytest.mark.parametrize("authorization", MALFORMED)
def test_malformed_or_several_credentials(send, url, authorization, fake_issuer):
    response = send(url, headers={"Authorization": authorization})
    assert_refusal(response, 400, error="invalid_request", body=DRF_BODY)
    assert json.loads(response.content)["code"] == "invalid_request"


BAD = {
    "garbage": lambda issuer: "garbage",
    "b64token": lambda issuer: 'a"b<c>',
    "expired": lambda issuer: issuer.access_token(exp=1),
    "audience": lambda issuer: issuer.access_token(aud="https://other.test"),
    "issuer": lambda issuer: issuer.access_token(iss="https://evil.test"),
    "kid": lambda issuer: issuer.access_token(
        header={"alg": issuer.algorithm, "kid": "unknown"}
    ),
    "type": lambda issuer: issuer.access_token(
        header={"alg": issuer.algorithm, "kid": issuer.key.key_id, "typ": "logout+jwt"}
    ),
    "id-token": lambda issuer: issuer.access_token(at_hash="x", nonce="y"),
    "signature": lambda issuer: issuer.access_token()[:-8] + "AAAAAAAA",
    "bound": lambda issuer: issuer.access_token(cnf={"jkt": "x"}),
}


@both
@METHODS
@pytest.mark.parametrize("url", ["/token", "/public", "/scoped"])
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token(send, method, url, kind, fake_issuer):
    """A99: on a public view as well; A104: one answer for all causes."""
    response = send(url, BAD[kind](fake_issuer), method=method)
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)
    if response.content:
        assert json.loads(response.content) == {
            "code": "invalid_token",
            "detail": InvalidToken.description,
        }


@both
@METHODS
def test_too_little_scope(send, method, fake_issuer):
    response = send("/scoped", fake_issuer.access_token(scopes=["b"]), method=method)
    assert_refusal(response, 403, error="insufficient_scope", scope="a", body=DRF_BODY)
    if response.content:
        assert json.loads(response.content)["code"] == "insufficient_scope"


@both
@METHODS
def test_cannot_tell_and_later_can(send, method, fake_issuer, clock):
    fake_issuer.clock = clock
    with install(fake_issuer, clock=clock):
        fake_issuer.fail()
        response = send("/token", fake_issuer.access_token(), method=method)
        assert_refusal(response, 503, body=DRF_BODY)
        fake_issuer.recover()
        clock.advance(120)
        token = fake_issuer.access_token()
        assert send("/token", token, method=method).status_code == 200


@both
@pytest.mark.parametrize("reason", ["inactive", "deleted", "unknown"])
def test_a_user_who_may_not(send, reason, fake_issuer, settings):
    if reason == "unknown":
        settings.OIDC_RS = {**settings.OIDC_RS, "USERS": {"CREATE": False}}
    else:
        assert send("/local", fake_issuer.access_token()).status_code == 200
    if reason == "inactive":
        get_user_model().objects.update(is_active=False)
    if reason == "deleted":
        get_user_model().objects.all().delete()
    response = send("/local", fake_issuer.access_token())
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)
    assert get_user_model().objects.count() == (1 if reason == "inactive" else 0)


@both
def test_the_header_is_the_only_place_for_a_token(send, fake_issuer):
    """TE-13, TE-14, A91 to A93: elsewhere it is not looked at."""
    token = fake_issuer.access_token()
    form = "application/x-www-form-urlencoded"
    for method, data, content_type in (
        ("GET", "", form),
        ("POST", f"access_token={token}", form),
        ("POST", json.dumps({"access_token": token}), "application/json"),
    ):
        response = send(
            f"/token?access_token={token}",
            method=method,
            data=data,
            content_type=content_type,
        )
        assert_refusal(response, 401, body=DRF_BODY)
    headers = {"X-Authorization": f"Bearer {token}", "Cookie": f"access_token={token}"}
    assert_refusal(send("/token", headers=headers), 401, body=DRF_BODY)
    assert send("/token?access_token=x.y.z", token).status_code == 200


# Beside other classes.


@both
def test_a_second_class_answers_for_its_scheme(send, fake_issuer, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    get_user_model().objects.create_user("carol", password="secret")
    carol = {"Authorization": "Basic Y2Fyb2w6c2VjcmV0"}
    response = send("/basic-second", headers=carol)
    assert response.json() == {"user": "User", "name": "carol", "subject": None}
    wrong = {"Authorization": "Basic Y2Fyb2w6d3Jvbmc="}
    response = send("/basic-second", headers=wrong)
    assert response.status_code == 401
    response = send("/basic-second", "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)
    response = send("/basic-second")
    assert_refusal(response, 401, body=DRF_BODY)


@both
def test_refusals_of_other_classes_carry_our_challenge(send, fake_issuer):
    """REST framework asks the first class for it; 401 stays 401."""
    response = send("/refusing-second")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    assert response.json() == {"detail": "refused by another class"}


@pytest.fixture
def visitor(client):
    """A client with a live session."""
    client.force_login(get_user_model().objects.create_user("visitor"))
    return client


@both
@pytest.mark.parametrize("url", ["/session-second", "/public-session-second"])
def test_a_bad_token_never_falls_back_to_a_session(send, url, fake_issuer, visitor):
    """A100."""
    response = send(url, client=visitor)
    assert response.json()["name"] == "visitor"
    for token, status, error in (
        ("x.y.z", 401, "invalid_token"),
        ("a b", 400, "invalid_request"),
        (fake_issuer.access_token(exp=1), 401, "invalid_token"),
    ):
        response = send(url, token, client=visitor)
        assert_refusal(response, status, error=error, body=DRF_BODY)
    fake_issuer.rotate()
    fake_issuer.fail()
    response = send(url, fake_issuer.access_token(), client=visitor)
    assert_refusal(response, 503, body=DRF_BODY)


@both
def test_a_good_token_wins_over_a_session(send, fake_issuer, visitor):
    response = send(
        "/session-second", fake_issuer.access_token("alice"), client=visitor
    )
    assert response.json()["subject"] == "alice"
    assert response.json()["name"] != "visitor"
    assert not response.cookies


@both
def test_a_session_still_needs_csrf(send, fake_issuer):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(get_user_model().objects.create_user("visitor"))
    assert send("/session-second", client=strict).status_code == 200
    response = send("/session-second", method="POST", client=strict)
    assert response.status_code == 403
    token = fake_issuer.access_token()
    response = send("/session-second", token, method="POST", client=strict)
    assert response.status_code == 200


@both
def test_behind_another_class_a_401_stays_a_401(send, fake_issuer):
    """A105, ER-07: REST framework alone would answer 403 here."""
    response = send("/session-first", "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)
    assert_refusal(send("/session-first"), 401, body=DRF_BODY)
    assert send("/session-first", fake_issuer.access_token()).status_code == 200


@both
def test_no_request_makes_a_session(send, fake_issuer):
    """A167."""
    for token in (fake_issuer.access_token(), "x.y.z", None):
        response = send("/session-second", token)
        assert not response.cookies
    assert not Session.objects.exists()


# State.


@both
def test_one_request_leaves_nothing_for_the_next(send, fake_issuer):
    good, poor = fake_issuer.access_token(scopes=["a"]), fake_issuer.access_token()
    for _again in range(2):
        assert send("/scoped", good).json()["subject"] == "alice"
        assert_refusal(send("/scoped"), 401, scope="a", body=DRF_BODY)
        assert send("/scoped", "a b").status_code == 400
        assert send("/scoped", "x.y.z").status_code == 401
        assert send("/scoped", poor).status_code == 403


def test_one_view_instance_may_serve_several_requests(fake_issuer):
    class Own401(Scoped):
        def get(self, request):
            return Response(status=401)

    view = Own401()
    view.setup(RequestFactory().get("/"))

    def ask(token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return view.dispatch(RequestFactory().get("/", headers=headers))

    assert ask("x.y.z")["WWW-Authenticate"].startswith("Bearer realm=")
    hooks = view.finalize_response
    response = ask(fake_issuer.access_token(scopes=["a"]))
    assert response.status_code == 401
    assert "WWW-Authenticate" not in response
    assert ask().status_code == 401
    assert view.finalize_response == hooks


# Without a view, and in tests.


def test_a_request_without_a_view_is_authenticated_all_the_same(fake_issuer):
    def ask(token):
        headers = {"Authorization": f"Bearer {token}"}
        request = RequestFactory().get("/", headers=headers)
        return Request(request, authenticators=[AccessTokenAuthentication()])

    assert ask(fake_issuer.access_token("alice")).auth.subject == "alice"
    with pytest.raises(Refused) as raised:
        _ = ask("x.y.z").user
    assert raised.value.status_code == 401


def test_rest_frameworks_own_force_authenticate_works(access_token):
    user = get_user_model().objects.create_user("dave")
    client = APIClient()
    client.force_authenticate(user)
    assert client.get("/local").json()["name"] == "dave"
    assert client.get("/scoped").status_code == 403
    client.force_authenticate(user, token=access_token(scopes=["a"], subject="dave"))
    assert client.get("/scoped").json()["subject"] == "dave"
    request = RequestFactory().get("/")
    force_authenticate(request, user, access_token(subject="dave"))
    assert Token.as_view()(request).data["subject"] == "dave"


def test_a_forced_token_comes_in(access_token):
    client = APIClient()
    force_access_token(client, scopes=["a"], subject="bob")
    assert client.get("/scoped").json() == {
        "user": "TokenUser",
        "name": client.get("/scoped").json()["name"],
        "subject": "bob",
    }


# The exceptions.


@pytest.mark.parametrize(
    ("error", "status", "code", "challenge", "wait"),
    [
        pytest.param(InvalidToken(), 401, "invalid_token", True, None, id="token"),
        pytest.param(UserRejected(), 401, "invalid_token", True, None, id="user"),
        pytest.param(
            KeysUnavailable(retry_after=9),
            503,
            "temporarily_unavailable",
            False,
            9,
            id="outage",
        ),
    ],
)
def test_refused_is_an_api_exception(error, status, code, challenge, wait):
    refused = Refused(error)
    assert refused.status_code == status
    assert refused.get_codes() == {"detail": code, "code": code}
    assert hasattr(refused, "auth_header") is challenge
    assert getattr(refused, "wait", None) == wait
    assert refused.error is error


def test_refusals_are_no_authentication_failed():
    """REST framework makes 403 of those when another class stands first."""
    assert not isinstance(Refused(InvalidToken()), AuthenticationFailed)
    assert not isinstance(CredentialsRequired(), AuthenticationFailed)
    assert CredentialsRequired("a b").auth_header == 'Bearer realm="api", scope="a b"'


def test_the_plain_view_and_rest_framework_say_the_same(fake_issuer):
    response = wsgi("/token", "x.y.z")
    plain = answer(InvalidToken())
    assert response["WWW-Authenticate"] == plain["WWW-Authenticate"]
    assert response.json()["detail"] == json.loads(plain.content)["error_description"]
