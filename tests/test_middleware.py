"""The two middlewares, in sync and async."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import SyncToAsync, async_to_sync, iscoroutinefunction
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception
from django.http import HttpResponse, JsonResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import include, path
from django.utils.decorators import method_decorator, sync_and_async_middleware
from django.views import View
from django.views.decorators.csrf import csrf_protect
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from django_oidc_rs.core.errors import InsufficientScope, InvalidToken
from django_oidc_rs.decorators import (
    access_token_not_required,
    access_token_required,
    scope_required,
)
from django_oidc_rs.middleware import (
    AccessTokenRequiredMiddleware,
    ResourceServerMiddleware,
    is_covered,
)
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.rest_framework import AccessTokenAuthentication, HasScope
from django_oidc_rs.signals import token_accepted, token_rejected
from django_oidc_rs.testing import install
from tests.http_answers import (
    DRF_BODY,
    asgi,
    assert_refusal,
    assert_shareable_by_nobody,
    both,
    wsgi,
)

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

OFFER = "django_oidc_rs.middleware.ResourceServerMiddleware"
DEMAND = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"


def auditing(kind):
    """Return a middleware that does ``kind`` with the token, outside of any view."""

    @sync_and_async_middleware
    def factory(get_response):
        def middleware(request):
            if kind == "before":
                assert request.access_token is not None
            response = get_response(request)
            return audited(request, response, kind)

        async def amiddleware(request):
            if kind == "before":
                assert await request.aaccess_token() is not None
            return audited(request, await get_response(request), kind)

        return amiddleware if iscoroutinefunction(get_response) else middleware

    return factory


def audited(request, response, kind):
    if kind == "after":
        assert request.access_token is not None
    if kind == "replacing" and response.status_code == 500:
        return HttpResponse(status=418)
    if kind == "failing-too" and response.status_code == 500:
        raise LookupError("a second fault")
    if kind == "translating":
        try:
            assert request.access_token is not None
        except InvalidToken as error:
            raise LookupError("the project's own error") from error
    return response


before = auditing("before")
after = auditing("after")
replacing = auditing("replacing")
failing_too = auditing("failing-too")
translating = auditing("translating")


class InProcessView:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        assert request.access_token is not None


def told(request, access_token=None):
    user = request.user
    return JsonResponse(
        {
            "user": user.__class__.__name__ if user.is_authenticated else None,
            "name": user.get_username(),
            "subject": access_token and access_token.subject,
        }
    )


def indifferent(request):
    return HttpResponse("did not ask")


async def aindifferent(request):
    return HttpResponse("did not ask")


def asking(request):
    return told(request, request.access_token)


async def aasking(request):
    await request.auser()
    token = await request.aaccess_token()
    assert token is request.access_token
    return told(request, token)


def asking_twice(request):
    try:
        subject = request.access_token and request.access_token.subject
    except InvalidToken:
        return HttpResponse("caught")
    return HttpResponse(subject or "nobody")


def demanding_more(request):
    assert request.access_token
    raise InsufficientScope


def answering_500(request):
    try:
        return told(request, request.access_token)
    except InvalidToken:
        return HttpResponse(status=500)


def failing(request):
    raise LookupError("not ours to answer")


@scope_required("a", resolve_user=False)
def decorated(request):
    assert request.access_token.subject == request.user.access_token.subject
    return asking(request)


def assigning(request):
    request.access_token = None
    return asking(request)


def who(request):
    return told(request, request.access_token)


async def awho(request):
    assert (await request.auser()) == request.user
    return told(request, request.access_token)


@access_token_not_required
def free(request):
    return HttpResponse("free")


@access_token_not_required
async def afree(request):
    return HttpResponse("free")


class Free(View):
    def get(self, request):
        return HttpResponse("free")

    post = get


@method_decorator(access_token_not_required, name="dispatch")
class FreeByDispatch(Free):
    pass


@access_token_required(resolve_user=False)
@access_token_not_required
def free_but_decorated(request):
    return told(request, request.access_token)


@login_required
def page(request):
    return HttpResponse("a page for people with a session")


class Api(APIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [HasScope("a")]

    def get(self, request):
        assert request.user == request._request.user
        return Response({"subject": request.auth.subject})

    post = get


@access_token_not_required
@api_view(["GET", "POST"])
@authentication_classes([AccessTokenAuthentication])
def free_api(request):
    return Response({"auth": request.auth and request.auth.subject})


@method_decorator(access_token_not_required, name="dispatch")
class FreeViewSet(ViewSet):
    authentication_classes = []
    permission_classes = []

    def list(self, request):
        return Response([])


@csrf_protect
def protected(request):
    return HttpResponse("in")


API = [
    path("who", who),
    path("awho", awho),
    path("free", free),
    path("afree", afree),
    path("free-class", access_token_not_required(Free.as_view())),
    path("free-dispatch", FreeByDispatch.as_view()),
    path("free-but-decorated", free_but_decorated),
    path("drf", Api.as_view()),
    path("free-drf", free_api),
    path("free-viewset", FreeViewSet.as_view({"get": "list"})),
    path("protected", protected),
]
urlpatterns = [
    path("indifferent", indifferent),
    path("aindifferent", aindifferent),
    path("asking", asking),
    path("aasking", aasking),
    path("asking-twice", asking_twice),
    path("demanding-more", demanding_more),
    path("answering-500", answering_500),
    path("failing", failing),
    path("decorated", decorated),
    path("assigning", assigning),
    path("page", page),
    path("admin/", admin.site.urls),
    path("api/", include(API)),
    path("api", who),
    path("apiary", indifferent),
    path("other", indifferent),
    path("form", Free.as_view()),
]


@pytest.fixture
def offer(settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, OFFER]


def demand_for(settings, *paths):
    at = settings.MIDDLEWARE.index(CSRF)
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:at],
        DEMAND,
        *settings.MIDDLEWARE[at:],
    ]
    settings.OIDC_RS = {**settings.OIDC_RS, "REQUIRED_PATHS": list(paths)}


@pytest.fixture
def demand(settings):
    demand_for(settings, "/api/")


# ResourceServerMiddleware.


@both
@pytest.mark.usefixtures("offer")
@pytest.mark.parametrize("url", ["/indifferent", "/aindifferent"])
@pytest.mark.parametrize("token", [None, "a b", "x.y.z"])
def test_nobody_asked_nothing_happens(send, url, token, fake_issuer):
    response = send(url, token)
    assert response.content == b"did not ask"
    assert "Vary" not in response
    assert "Cache-Control" not in response
    assert not fake_issuer.fetches


@both
@pytest.mark.usefixtures("offer")
@pytest.mark.parametrize("url", ["/asking", "/aasking"])
def test_the_token_is_there_when_asked_for(
    send, url, fake_issuer, django_assert_num_queries
):
    raw_token = fake_issuer.access_token("alice")
    with django_assert_num_queries(0):
        response = send(url, raw_token)
    assert response.json() == {"user": None, "name": "", "subject": "alice"}
    assert_shareable_by_nobody(response)
    assert not response.cookies


@both
@pytest.mark.usefixtures("offer")
@pytest.mark.parametrize("url", ["/asking", "/aasking"])
@pytest.mark.parametrize("authorization", [None, "Basic YTpi"])
def test_there_is_none_without_credentials(send, url, authorization, fake_issuer):
    """TE-27."""
    headers = {"Authorization": authorization} if authorization else {}
    response = send(url, headers=headers)
    assert response.json()["subject"] is None
    # Another caller's answer would differ.
    assert_shareable_by_nobody(response)


@both
@pytest.mark.usefixtures("offer")
@pytest.mark.parametrize("url", ["/asking", "/aasking"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("token", "status", "error"),
    [("x.y.z", 401, "invalid_token"), ("a b", 400, "invalid_request")],
)
def test_asking_for_a_bad_token_is_answered(
    send, url, method, token, status, error, fake_issuer
):
    assert_refusal(send(url, token, method=method), status, error=error)


@both
@pytest.mark.usefixtures("offer")
@pytest.mark.parametrize("url", ["/asking", "/aasking"])
def test_an_outage_is_answered_with_503(send, url, fake_issuer):
    fake_issuer.fail()
    assert_refusal(send(url, fake_issuer.access_token()), 503)


# Middleware further in, that asks.


@pytest.fixture
def asked_by(settings):
    def asked_by(*names):
        inner = [f"{__name__}.{name}" for name in names]
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, OFFER, *inner]
        return Client(raise_request_exception=False)

    return asked_by


asking_middleware = pytest.mark.parametrize(
    "name", ["before", "after", "InProcessView"]
)


@both
@asking_middleware
@pytest.mark.parametrize("url", ["/indifferent", "/aindifferent"])
def test_middleware_may_ask(send, name, url, asked_by, fake_issuer):
    response = send(url, fake_issuer.access_token(), client=asked_by(name))
    assert response.content == b"did not ask"
    assert_shareable_by_nobody(response)


@both
@asking_middleware
@pytest.mark.parametrize("url", ["/indifferent", "/aindifferent"])
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("token", "status", "error"),
    [("x.y.z", 401, "invalid_token"), ("a b", 400, "invalid_request")],
)
def test_asking_in_middleware_for_a_bad_token_is_answered(
    send, name, url, debug, token, status, error, asked_by, settings
):
    settings.DEBUG = debug
    response = send(url, token, client=asked_by(name))
    assert_refusal(response, status, error=error)


@both
@asking_middleware
def test_asking_in_middleware_during_an_outage_is_503(
    send, name, asked_by, fake_issuer
):
    client = asked_by(name)
    fake_issuer.fail()
    response = send("/indifferent", fake_issuer.access_token(), client=client)
    assert_refusal(response, 503)


@both
def test_installed_twice_it_answers_once(send, asked_by, settings):
    client = asked_by("before")
    settings.MIDDLEWARE = [OFFER, *settings.MIDDLEWARE]
    assert_refusal(
        send("/indifferent", "x.y.z", client=client), 401, error="invalid_token"
    )


@both
@pytest.mark.parametrize(
    ("names", "url", "status"),
    [
        pytest.param(["replacing", "before"], "/indifferent", 418, id="replaced"),
        pytest.param(["failing_too", "before"], "/indifferent", 500, id="a-later-one"),
        pytest.param(["translating"], "/indifferent", 500, id="translated"),
        pytest.param([], "/answering-500", 500, id="a-views-own"),
    ],
)
def test_other_answers_than_djangos_for_our_error_stand(
    send, names, url, status, asked_by, fake_issuer
):
    """A fault of the project is told as one."""
    response = send(url, "x.y.z", client=asked_by(*names))
    assert response.status_code == status
    assert "WWW-Authenticate" not in response


def test_the_fault_of_another_request_is_not_ours(fake_issuer, asked_by):
    client = asked_by()
    got_request_exception.send(sender=None, request=None)
    assert wsgi("/failing", client=client).status_code == 500


@both
@pytest.mark.usefixtures("offer")
def test_a_view_may_catch_what_asking_raises(send, fake_issuer):
    response = send("/asking-twice", "x.y.z")
    assert response.content == b"caught"
    assert_shareable_by_nobody(response)
    assert send("/asking-twice", fake_issuer.access_token()).content == b"alice"


@both
@pytest.mark.usefixtures("offer")
def test_a_view_may_raise_our_errors_itself(send, fake_issuer):
    response = send("/demanding-more", fake_issuer.access_token())
    assert_refusal(response, 403, error="insufficient_scope")


@both
@pytest.mark.usefixtures("offer")
def test_other_exceptions_are_left_alone(send, fake_issuer):
    with pytest.raises(LookupError):
        send("/failing", fake_issuer.access_token())


@both
@pytest.mark.usefixtures("offer")
def test_it_never_sets_the_user(send, fake_issuer, client):
    visitor = get_user_model().objects.create_user("visitor")
    client.force_login(visitor)
    response = send("/asking", fake_issuer.access_token("alice"), client=client)
    assert response.json() == {"user": "User", "name": "visitor", "subject": "alice"}
    assert not FederatedIdentity.objects.exists()


@both
@pytest.mark.usefixtures("offer")
def test_a_decorated_view_finds_the_same_token(send, fake_issuer):
    response = send("/decorated", fake_issuer.access_token(scopes=["a"]))
    assert response.json() == {
        "user": "TokenUser",
        "name": response.json()["name"],
        "subject": "alice",
    }
    assert_refusal(send("/decorated"), 401, scope="a")


@both
@pytest.mark.usefixtures("offer")
def test_nobody_can_assign_another_token(send, fake_issuer):
    response = send("/assigning", fake_issuer.access_token("alice"))
    assert response.json()["subject"] == "alice"


@both
def test_installed_twice_it_is_installed_once(send, fake_issuer, settings):
    settings.MIDDLEWARE = [OFFER, *settings.MIDDLEWARE, OFFER]
    response = send("/asking", fake_issuer.access_token("alice"))
    assert response.json()["subject"] == "alice"


async def test_the_loop_is_not_left_where_the_keys_are_known(fake_issuer, monkeypatch):
    def hop(self, *args, **kwargs):
        raise AssertionError(f"a thread for {self.func}")

    async def view(request):
        token = await request.aaccess_token()
        return HttpResponse(token.subject)

    monkeypatch.setattr(SyncToAsync, "__call__", hop)
    headers = {"Authorization": f"Bearer {fake_issuer.access_token()}"}
    request = AsyncRequestFactory().get("/", headers=headers)
    response = await ResourceServerMiddleware(view)(request)
    assert response.content == b"alice"


# AccessTokenRequiredMiddleware: what is covered.


@pytest.mark.parametrize(
    ("url", "paths", "covered"),
    [
        ("/", ["/"], True),
        ("/anything/else", ["/"], True),
        ("/api", ["/api"], True),
        ("/api/", ["/api"], True),
        ("/api/x", ["/api"], True),
        ("/api", ["/api/"], True),
        ("/api/x", ["/api/"], True),
        ("/api//x", ["/api"], True),
        ("/apiary", ["/api"], False),
        ("/apiary/x", ["/api/"], False),
        ("/ap", ["/api"], False),
        ("/API/x", ["/api"], False),
        ("/x/api", ["/api"], False),
        ("/", ["/api"], False),
        ("/b/c", ["/a", "/b/c"], True),
        ("/b", ["/a", "/b/c"], False),
        ("/b/cd", ["/a", "/b/c"], False),
        ("/api", [], False),
    ],
)
def test_paths_are_covered_by_whole_segments(url, paths, covered):
    assert is_covered(url, tuple(paths)) is covered


@both
@pytest.mark.usefixtures("demand")
@pytest.mark.parametrize(
    "url", ["/api/who", "/api/awho", "/api", "/api/drf", "/api/protected"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_covered_views_demand_a_token(send, url, method, fake_issuer):
    assert_refusal(send(url, method=method), 401)
    response = send(url, "x.y.z", method=method)
    assert_refusal(response, 401, error="invalid_token")
    response = send(url, "a b", method=method)
    assert_refusal(response, 400, error="invalid_request")


@both
@pytest.mark.usefixtures("demand")
@pytest.mark.parametrize("url", ["/apiary", "/other", "/indifferent", "/form"])
def test_other_views_do_not(send, url, fake_issuer):
    response = send(url, "x.y.z")
    assert response.status_code == 200
    assert "Vary" not in response


@both
@pytest.mark.usefixtures("demand")
@pytest.mark.parametrize(
    "url",
    [
        "/api/free",
        "/api/afree",
        "/api/free-class",
        "/api/free-dispatch",
        "/api/free-viewset",
    ],
)
def test_exempt_views_do_not(send, url, fake_issuer):
    for token in (None, "x.y.z", fake_issuer.access_token()):
        assert send(url, token).status_code == 200
    assert not get_user_model().objects.exists()


@both
@pytest.mark.usefixtures("demand")
def test_exempt_views_may_still_demand_by_themselves(send, fake_issuer):
    assert_refusal(send("/api/free-but-decorated"), 401)
    response = send("/api/free-but-decorated", fake_issuer.access_token())
    assert response.json()["user"] == "TokenUser"
    assert_refusal(send("/api/free-drf"), 401, body=DRF_BODY)
    response = send("/api/free-drf", "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)


@both
@pytest.mark.usefixtures("demand")
def test_no_view_no_demand(send, fake_issuer):
    response = send("/api/nothing-here")
    assert response.status_code == 404
    assert "WWW-Authenticate" not in response


@both
@pytest.mark.parametrize("paths", [["/"], ["/api", "/other"]])
def test_several_paths(send, paths, fake_issuer, settings):
    demand_for(settings, *paths)
    assert_refusal(send("/other"), 401)
    assert_refusal(send("/api/who"), 401)
    assert send("/apiary").status_code == (401 if paths == ["/"] else 200)


def test_the_script_prefix_is_no_part_of_the_path(fake_issuer, settings):
    demand_for(settings, "/api/")
    assert_refusal(wsgi("/api/who", SCRIPT_NAME="/mounted"), 401)


# What a covered view finds.


@both
@pytest.mark.usefixtures("demand")
@pytest.mark.parametrize("url", ["/api/who", "/api/awho"])
def test_the_user_is_resolved_by_one_query(
    send, url, fake_issuer, django_assert_num_queries
):
    send(url, fake_issuer.access_token("alice"))
    user = FederatedIdentity.objects.get().user
    with django_assert_num_queries(1):
        response = send(url, fake_issuer.access_token("alice"))
    assert response.json() == {
        "user": "User",
        "name": user.username,
        "subject": "alice",
    }
    assert_shareable_by_nobody(response)
    assert not response.cookies


@both
@pytest.mark.usefixtures("demand")
def test_an_inactive_user_is_refused(send, fake_issuer):
    assert send("/api/who", fake_issuer.access_token()).status_code == 200
    get_user_model().objects.update(is_active=False)
    response = send("/api/who", fake_issuer.access_token())
    assert_refusal(response, 401, error="invalid_token")


@both
@pytest.mark.usefixtures("demand")
def test_a_session_is_no_token(send, fake_issuer, client):
    client.force_login(get_user_model().objects.create_user("visitor"))
    assert_refusal(send("/api/who", client=client), 401)
    response = send("/api/who", "x.y.z", client=client)
    assert_refusal(response, 401, error="invalid_token")


@both
@pytest.mark.usefixtures("demand")
def test_rest_framework_beneath_validates_no_second_time(
    send, fake_issuer, django_assert_num_queries
):
    send("/api/drf", fake_issuer.access_token())
    with django_assert_num_queries(1):
        response = send("/api/drf", fake_issuer.access_token(scopes=["a"]))
    assert json.loads(response.content) == {"subject": "alice"}
    response = send("/api/drf", fake_issuer.access_token())
    assert_refusal(response, 403, error="insufficient_scope", scope="a", body=DRF_BODY)


@both
@pytest.mark.usefixtures("demand")
def test_an_outage_is_503_and_then_200(send, fake_issuer, clock):
    fake_issuer.clock = clock
    with install(fake_issuer, clock=clock):
        fake_issuer.fail()
        assert_refusal(send("/api/who", fake_issuer.access_token()), 503)
        fake_issuer.recover()
        clock.advance(120)
        assert send("/api/who", fake_issuer.access_token()).status_code == 200


@both
@pytest.mark.usefixtures("offer", "demand")
@pytest.mark.parametrize("url", ["/api/who", "/api/awho", "/api/drf"])
@pytest.mark.parametrize("good", [True, False], ids=["accepted", "rejected"])
def test_every_layer_together_is_heard_once(send, url, good, fake_issuer):
    heard = []

    def accepted(access_token, **payload):
        heard.append(access_token.subject)

    def rejected(error, **payload):
        heard.append(error.code)

    token_accepted.connect(accepted)
    token_rejected.connect(rejected)
    try:
        send(url, fake_issuer.access_token("alice", ["a"]) if good else "x.y.z")
    finally:
        token_accepted.disconnect(accepted)
        token_rejected.disconnect(rejected)
    assert heard == (["alice"] if good else ["malformed_token"])


# CSRF is lifted where a token is demanded, and nowhere else.


@both
@pytest.mark.usefixtures("demand")
@pytest.mark.parametrize("url", ["/api/who", "/api/awho", "/api/protected"])
def test_a_covered_post_needs_a_token_and_no_csrf_cookie(send, url, fake_issuer):
    client = Client(enforce_csrf_checks=True)
    assert_refusal(send(url, method="POST", client=client), 401)
    response = send(url, fake_issuer.access_token(), method="POST", client=client)
    assert response.status_code == 200


@both
@pytest.mark.usefixtures("demand")
@pytest.mark.parametrize(
    "url",
    [
        "/form",
        "/apiary",
        "/api/free",
        "/api/afree",
        "/api/free-class",
        "/api/free-dispatch",
    ],
)
@pytest.mark.parametrize("good", [True, False], ids=["token", "no-token"])
def test_any_other_post_still_needs_csrf(send, url, good, fake_issuer):
    client = Client(enforce_csrf_checks=True)
    token = fake_issuer.access_token() if good else None
    response = send(url, token, method="POST", client=client)
    assert response.status_code == 403
    assert b"CSRF" in response.content


# A token opens no page that wants a session.


@both
@pytest.mark.parametrize("middleware", [[], [OFFER], [DEMAND], [OFFER, DEMAND]])
@pytest.mark.parametrize("login_required_middleware", [False, True])
@pytest.mark.parametrize("url", ["/page", "/admin/", "/admin/auth/user/"])
def test_a_token_opens_neither_pages_nor_the_admin(
    send, url, middleware, login_required_middleware, fake_issuer, settings
):
    settings.MIDDLEWARE = [
        *middleware,
        *settings.MIDDLEWARE,
        *([LOGIN] if login_required_middleware else []),
    ]
    settings.OIDC_RS = {**settings.OIDC_RS, "REQUIRED_PATHS": ["/api/"]}
    boss = get_user_model().objects.create_superuser("boss")
    FederatedIdentity.objects.link(fake_issuer.issuer, "boss", boss)
    raw_token = fake_issuer.access_token("boss")
    if DEMAND in middleware:
        assert send("/api/who", raw_token).json()["name"] == "boss"
    response = send(url, raw_token)
    assert response.status_code == 302
    assert "login" in response["Location"]
    assert "sessionid" not in response.cookies


# Wiring.


@pytest.mark.parametrize(
    "middleware", [ResourceServerMiddleware, AccessTokenRequiredMiddleware]
)
def test_settings_with_errors_stop_the_server(middleware, settings):
    settings.OIDC_RS = {}
    with pytest.raises(ImproperlyConfigured):
        middleware(lambda request: HttpResponse())


@pytest.mark.parametrize(
    "middleware", [ResourceServerMiddleware, AccessTokenRequiredMiddleware]
)
def test_each_is_async_where_what_is_below_is(middleware):
    async def below(request):
        return HttpResponse("below")

    def sync_below(request):
        return HttpResponse("below")

    native, plain = middleware(below), middleware(sync_below)
    assert iscoroutinefunction(native)
    assert not iscoroutinefunction(plain)
    request = AsyncRequestFactory().get("/")
    assert async_to_sync(native)(request).content == b"below"
    assert plain(RequestFactory().get("/")).content == b"below"


async def test_the_demand_is_made_without_a_thread(fake_issuer, monkeypatch, settings):
    def hop(self, *args, **kwargs):
        raise AssertionError(f"a thread for {self.func}")

    settings.OIDC_RS = {**settings.OIDC_RS, "USERS": {"RESOLVER": "token_user"}}
    monkeypatch.setattr(SyncToAsync, "__call__", hop)

    async def below(request):
        return HttpResponse("below")

    middleware = AccessTokenRequiredMiddleware(below)
    headers = {"Authorization": f"Bearer {fake_issuer.access_token()}"}
    request = AsyncRequestFactory().get("/", headers=headers)
    assert await middleware.process_view(request, awho, (), {}) is None
    assert request.access_token.subject == "alice"
    assert iscoroutinefunction(middleware.process_view)


def test_sync_and_async_can_be_mixed_in_one_stack(fake_issuer, settings):
    """A sync-only middleware below makes Django adapt; ours must not care."""
    demand_for(settings, "/api/")
    settings.MIDDLEWARE = [
        OFFER,
        *settings.MIDDLEWARE,
        f"{__name__}.only_sync",
    ]
    for send in (wsgi, asgi):
        assert_refusal(send("/api/who"), 401)
        assert send("/api/who", fake_issuer.access_token()).status_code == 200


def only_sync(get_response):
    def middleware(request):
        return get_response(request)

    return middleware
