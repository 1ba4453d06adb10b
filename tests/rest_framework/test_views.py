"""Every kind of view REST framework has, and what projects do to them."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth import get_user_model
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page, never_cache
from django.views.decorators.vary import vary_on_headers
from rest_framework.decorators import (
    action,
    api_view,
    authentication_classes,
    permission_classes,
)
from rest_framework.exceptions import APIException, NotAuthenticated, PermissionDenied
from rest_framework.generics import ListCreateAPIView, RetrieveAPIView
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView, exception_handler
from rest_framework.viewsets import ModelViewSet, ViewSet

from django_oidc_rs.core.errors import InvalidToken
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.rest_framework import (
    AccessTokenAuthentication,
    HasScope,
    TokenHasScope,
)
from tests.http_answers import (
    DRF_BODY,
    assert_refusal,
    assert_shareable_by_nobody,
    both,
    wsgi,
)
from tests.http_syntax import directives, list_members

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def own_cache(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": uuid.uuid4().hex,
        }
    }


class Ours(APIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [HasScope("a")]
    resolve_user = False

    def get(self, request):
        return Response({"subject": request.auth.subject})


@api_view(["GET", "POST"])
@authentication_classes([AccessTokenAuthentication])
@permission_classes([HasScope("a") | IsAdminUser])
def function(request):
    return Response({"subject": request.auth.subject})


class UserSerializer(ModelSerializer):
    class Meta:
        model = get_user_model()
        fields = ["username"]


class Users(ModelViewSet):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [TokenHasScope]
    required_scopes = {
        "list": ["read"],
        "retrieve": ["read"],
        "create": [["write"], ["admin"]],
        "POST": ["extra"],
    }
    queryset = get_user_model().objects.order_by("pk")
    serializer_class = UserSerializer

    @action(detail=False, methods=["post"])
    def purge(self, request):
        return Response({"purged": 0})


class Listing(ListCreateAPIView):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [IsAuthenticated, HasScope("a")]
    queryset = get_user_model().objects.order_by("pk")
    serializer_class = UserSerializer
    pagination_class = None


class Own(RetrieveAPIView):
    """Another user's object is not found, whatever the scope."""

    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [HasScope("a")]
    serializer_class = UserSerializer

    def get_queryset(self):
        return get_user_model().objects.filter(pk=self.request.user.pk)


class Empty(ViewSet):
    authentication_classes = [AccessTokenAuthentication]
    permission_classes = [TokenHasScope]

    def list(self, request):
        return Response([])


class Browsable(Ours):
    renderer_classes = [BrowsableAPIRenderer, JSONRenderer]

    def post(self, request):
        return Response("posted")


class Streaming(Ours):
    def get(self, request):
        return StreamingHttpResponse(iter(["1", "2"]))


class Plain(Ours):
    def get(self, request):
        return HttpResponse("no REST framework response")


class Once(UserRateThrottle):
    rate = "1/hour"


class Throttled(Ours):
    permission_classes = [IsAuthenticated]
    throttle_classes = [Once]


class Raising(Ours):
    """Raises what the query asks for."""

    permission_classes = [AllowAny]

    def get(self, request):
        raise {
            "denied": PermissionDenied("own words"),
            "unknown": NotAuthenticated("own words"),
            "teapot": Teapot(),
        }[request.GET["what"]]


class Teapot(APIException):
    status_code = 418


class OwnHooks(Ours):
    def finalize_response(self, request, response, *args, **kwargs):
        response = super().finalize_response(request, response, *args, **kwargs)
        response["X-Finalized"] = "yes"
        return response

    def handle_exception(self, exc):
        response = super().handle_exception(exc)
        response["X-Handled"] = type(exc).__name__
        return response

    def get_permissions(self):
        return [HasScope("a")()]


@method_decorator(never_cache, name="dispatch")
@method_decorator(vary_on_headers("Accept-Language"), name="dispatch")
class OwnHeaders(Ours):
    def get(self, request):
        return Response("in", headers={"Cache-Control": "max-age=5", "Vary": "Origin"})


class PublicHeaders(Ours):
    permission_classes = [AllowAny]

    def get(self, request):
        return Response("in", headers={"Cache-Control": "public, max-age=5"})


class CachedInside(Ours):
    permission_classes = [IsAuthenticated]

    @method_decorator(cache_page(60))
    def get(self, request):
        return super().get(request)


class CachedOutside(Ours):
    permission_classes = [IsAuthenticated]


router = DefaultRouter()
router.register("users", Users)
router.register("empty", Empty, basename="empty")
urlpatterns = [
    path("ours", Ours.as_view()),
    path("function", function),
    path("listing", Listing.as_view()),
    path("own/<int:pk>", Own.as_view()),
    path("browsable", Browsable.as_view()),
    path("streaming", Streaming.as_view()),
    path("plain", Plain.as_view()),
    path("throttled", Throttled.as_view()),
    path("raising", Raising.as_view()),
    path("own-hooks", OwnHooks.as_view()),
    path("own-headers", OwnHeaders.as_view()),
    path("public-headers", PublicHeaders.as_view()),
    path("cached-inside", CachedInside.as_view()),
    path("cached-outside", cache_page(60)(CachedOutside.as_view())),
    path("router/", include(router.urls)),
]


def assert_insufficient(response, scope):
    assert_refusal(
        response, 403, error="insufficient_scope", scope=scope, body=DRF_BODY
    )


# Kinds of views.


@both
@pytest.mark.parametrize("url", ["/function", "/ours", "/listing"])
def test_function_class_and_generic_views(send, url, fake_issuer):
    """SC-01, SC-10, A176."""
    assert_refusal(send(url), 401, scope="a", body=DRF_BODY)
    response = send(url, "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)
    assert_insufficient(send(url, fake_issuer.access_token()), "a")
    response = send(url, fake_issuer.access_token(scopes=["a"]))
    assert response.status_code == 200
    assert_shareable_by_nobody(response)
    assert not response.cookies


@both
@pytest.mark.parametrize(
    ("method", "url", "scopes", "status", "scope"),
    [
        ("GET", "/router/users/", ["read"], 200, None),
        ("HEAD", "/router/users/", ["read"], 200, None),
        ("GET", "/router/users/", ["write"], 403, "read"),
        ("HEAD", "/router/users/", ["write"], 403, "read"),
        ("POST", "/router/users/", ["write"], 400, None),
        ("POST", "/router/users/", ["admin"], 400, None),
        ("POST", "/router/users/", ["extra"], 403, "write"),
        ("POST", "/router/users/purge/", ["extra"], 200, None),
        ("POST", "/router/users/purge/", ["write"], 403, "extra"),
        ("DELETE", "/router/users/1/", ["read", "write", "admin"], 403, None),
        ("OPTIONS", "/router/users/", ["read", "write", "admin"], 403, None),
        ("PATCH", "/router/users/", ["read", "write", "admin"], 403, None),
        ("GET", "/router/empty/", ["read"], 403, None),
    ],
)
def test_actions_of_a_router(
    send, method, url, scopes, status, scope, fake_issuer, settings
):
    response = send(url, fake_issuer.access_token(scopes=scopes), method=method)
    if status == 403:
        assert_insufficient(response, scope)
    else:
        assert response.status_code == status
        assert_shareable_by_nobody(response)
        assert "WWW-Authenticate" not in response


@both
def test_the_scope_opens_ones_own_object_only(send, fake_issuer):
    """A179."""
    raw_token = fake_issuer.access_token(scopes=["a"])
    send("/listing", raw_token)
    mine = FederatedIdentity.objects.get().user
    other = get_user_model().objects.create_user("other")
    assert send(f"/own/{mine.pk}", raw_token).status_code == 200
    response = send(f"/own/{other.pk}", raw_token)
    assert response.status_code == 404
    assert "WWW-Authenticate" not in response


@both
@pytest.mark.parametrize("url", ["/ours", "/plain"])
def test_not_resolving_costs_no_query(
    send, url, fake_issuer, django_assert_num_queries
):
    with django_assert_num_queries(0):
        response = send(url, fake_issuer.access_token(scopes=["a"]))
    assert response.status_code == 200
    assert_shareable_by_nobody(response)


def test_streaming(fake_issuer):
    response = wsgi("/streaming", fake_issuer.access_token(scopes=["a"]))
    assert b"".join(response.streaming_content) == b"12"
    assert_shareable_by_nobody(response)
    assert_insufficient(wsgi("/streaming", fake_issuer.access_token()), "a")


@both
@pytest.mark.parametrize("scopes", [["a"], []])
def test_the_browsable_api(send, scopes, fake_issuer):
    """It asks permissions for forms of other methods: no trace of that."""
    raw_token = fake_issuer.access_token(scopes=scopes)
    response = send("/browsable", raw_token, headers={"Accept": "text/html"})
    assert response["Content-Type"].startswith("text/html")
    assert_shareable_by_nobody(response)
    assert raw_token not in response.content.decode()
    if scopes:
        assert response.status_code == 200
        assert "WWW-Authenticate" not in response
    else:
        assert response.status_code == 403
        assert 'scope="a"' in response["WWW-Authenticate"]


@both
@pytest.mark.parametrize("token", [None, "x.y.z", "a b"])
def test_the_browsable_api_refuses(send, token, fake_issuer):
    response = send("/browsable", token, headers={"Accept": "text/html"})
    assert response.status_code in (400, 401)
    assert response["WWW-Authenticate"].startswith('Bearer realm="api"')
    assert_shareable_by_nobody(response)
    assert "sessionid" not in response.cookies


@both
def test_what_nobody_can_render_is_406_before_any_token(send, fake_issuer):
    response = send("/ours", "x.y.z", headers={"Accept": "image/png"})
    assert response.status_code == 406


@both
def test_throttles_tell_principals_apart(send, fake_issuer):
    """By the identity key, machines by client."""

    def ask(subject, **claims):
        return send("/throttled", fake_issuer.access_token(subject, **claims))

    principals = [
        ("alice", {}),
        ("bob", {}),
        (None, {"client_id": "one"}),
        (None, {"client_id": "two"}),
    ]
    for subject, claims in principals:
        assert ask(subject, **claims).status_code == 200
    for subject, claims in principals:
        response = ask(subject, **claims)
        assert response.status_code == 429
        assert int(response["Retry-After"]) > 0
        assert "WWW-Authenticate" not in response
        assert_shareable_by_nobody(response)


# What projects do.


@both
@pytest.mark.parametrize(
    ("what", "status", "challenge"),
    [
        ("denied", 403, None),
        ("unknown", 401, 'Bearer realm="api"'),
        ("teapot", 418, None),
    ],
)
@pytest.mark.parametrize("authenticated", [True, False])
def test_a_view_that_raises_by_itself(
    send, what, status, challenge, authenticated, fake_issuer
):
    token = fake_issuer.access_token() if authenticated else None
    response = send(f"/raising?what={what}", token)
    assert response.status_code == status
    assert response.get("WWW-Authenticate") == challenge
    if what != "teapot":
        assert response.json() == {"detail": "own words"}
    assert_shareable_by_nobody(response)


@both
def test_a_view_with_hooks_of_its_own(send, fake_issuer):
    response = send("/own-hooks", fake_issuer.access_token(scopes=["a"]))
    assert response["X-Finalized"] == "yes"
    assert "X-Handled" not in response
    response = send("/own-hooks", fake_issuer.access_token())
    assert_insufficient(response, "a")
    assert response["X-Handled"] == "Refused"
    assert response["X-Finalized"] == "yes"
    response = send("/own-hooks")
    assert_refusal(response, 401, scope="a", body=DRF_BODY)
    assert response["X-Handled"] == "CredentialsRequired"


@both
def test_what_a_view_says_of_caching_stays(send, fake_issuer):
    response = send("/own-headers", fake_issuer.access_token(scopes=["a"]))
    assert {"max-age", "no-store"} <= directives(response["Cache-Control"])
    vary = {"origin", "accept-language", "authorization"}
    assert vary <= set(list_members(response["Vary"]))
    response = send("/public-headers")
    assert response["Cache-Control"] == "public, max-age=5"
    assert "authorization" in list_members(response["Vary"])
    response = send("/public-headers", "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)


@both
@pytest.mark.parametrize("url", ["/cached-inside", "/cached-outside"])
def test_cache_page_hands_nobody_anothers_answer(send, url, fake_issuer):
    """A106."""
    tokens = {name: fake_issuer.access_token(name) for name in ("alice", "bob")}
    for name in ("alice", "bob", "alice", "bob"):
        response = send(url, tokens[name])
        assert response.json() == {"subject": name}
        assert "authorization" in list_members(response["Vary"])
        allowing = {"public", "s-maxage", "must-revalidate"}
        assert not allowing & directives(response["Cache-Control"])
    assert_refusal(send(url), 401, body=DRF_BODY)
    response = send(url, "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)


def bare(exc, context):
    """Drop everything but status and body, as project-wide error formats do."""
    response = exception_handler(exc, context)
    return Response({"errors": response.data}, status=response.status_code)


def teapot(exc, context):
    return Response("teapot", status=418)


def generous(exc, context):
    response = exception_handler(exc, context)
    response["WWW-Authenticate"] = 'Bearer realm="theirs"'
    response["Retry-After"] = "77"
    return response


@pytest.fixture
def handler(settings):
    def choose(name):
        settings.REST_FRAMEWORK = {
            **settings.REST_FRAMEWORK,
            "EXCEPTION_HANDLER": f"{__name__}.{name}",
        }

    return choose


@both
@pytest.mark.parametrize("url", ["/ours", "/function", "/listing"])
def test_a_handler_that_drops_headers_drops_none_of_ours(
    send, url, fake_issuer, handler
):
    handler("bare")
    body = {"errors"}
    assert_refusal(send(url), 401, scope="a", body=body)
    response = send(url, "x.y.z")
    assert_refusal(response, 401, error="invalid_token", body=body)
    response = send(url, "a b")
    assert_refusal(response, 400, error="invalid_request", body=body)
    response = send(url, fake_issuer.access_token())
    assert_refusal(response, 403, error="insufficient_scope", scope="a", body=body)
    fake_issuer.rotate()
    fake_issuer.fail()
    assert_refusal(send(url, fake_issuer.access_token()), 503, body=body)


@both
def test_a_handler_may_answer_something_else(send, fake_issuer, handler):
    handler("teapot")
    response = send("/ours", "x.y.z")
    assert response.status_code == 418
    assert "WWW-Authenticate" not in response
    assert_shareable_by_nobody(response)


@both
def test_a_handler_may_say_it_its_own_way(send, fake_issuer, handler):
    handler("generous")
    response = send("/ours", "x.y.z")
    assert response["WWW-Authenticate"] == 'Bearer realm="theirs"'
    fake_issuer.fail()
    response = send("/ours", fake_issuer.access_token())
    assert response["Retry-After"] == "77"


@both
def test_a_fault_of_the_project_is_500_and_no_verdict(send, fake_issuer, settings):
    settings.OIDC_RS = {
        **settings.OIDC_RS,
        "ISSUERS": {
            "default": {
                "ISSUER": "https://issuer.test",
                "VALIDATORS": [f"{__name__}.explode"],
            }
        },
    }
    with pytest.raises(ZeroDivisionError):
        send("/ours", fake_issuer.access_token(scopes=["a"]))


def explode(access_token):
    raise ZeroDivisionError


def block(access_token):
    if access_token.client_id == "blocked":
        raise InvalidToken("blocked client")


@both
def test_a_validator_of_the_project_refuses(send, fake_issuer, settings):
    """A86."""
    settings.OIDC_RS = {
        **settings.OIDC_RS,
        "ISSUERS": {
            "default": {
                "ISSUER": "https://issuer.test",
                "VALIDATORS": [f"{__name__}.block"],
            }
        },
    }
    response = send("/ours", fake_issuer.access_token(scopes=["a"]))
    assert response.status_code == 200
    token = fake_issuer.access_token(scopes=["a"], client_id="blocked")
    response = send("/ours", token)
    assert_refusal(response, 401, error="invalid_token", body=DRF_BODY)
