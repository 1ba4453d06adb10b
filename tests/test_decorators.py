"""Decorators of plain views: functions and methods, sync and async."""

from __future__ import annotations

import functools
import json

import pytest
from asgiref.sync import iscoroutinefunction
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_headers

from django_oidc_rs.decorators import (
    access_token_not_required,
    access_token_required,
    scope_required,
)
from django_oidc_rs.models import FederatedIdentity
from django_oidc_rs.testing import force_access_token, install
from django_oidc_rs.token_user import TokenUser
from tests.http_answers import asgi, assert_refusal, assert_shareable_by_nobody, both
from tests.http_answers import wsgi as send_wsgi
from tests.http_syntax import directives, list_members

pytestmark = pytest.mark.urls(__name__)


def body(request, user=None):
    user = request.user if user is None else user
    return JsonResponse(
        {
            "user": type(user).__name__,
            "name": user.get_username(),
            "subject": request.access_token.subject,
        }
    )


@access_token_required
def plain(request):
    """Tell who asks."""
    return body(request)


@access_token_required()
def called(request):
    return body(request)


@access_token_required
async def aplain(request):
    assert request.user == await request.auser()
    return body(request, await request.auser())


@access_token_required(resolve_user=False)
def unresolved(request):
    return body(request)


@access_token_required(resolve_user=False)
async def aunresolved(request):
    return body(request)


@scope_required("a", "b", resolve_user=False)
def all_of(request, item):
    return HttpResponse(item)


@scope_required("a", "b", resolve_user=False)
async def aall_of(request, item):
    return HttpResponse(item)


@scope_required(any_of=["a", "b"], resolve_user=False)
def any_of(request):
    return HttpResponse("in")


@scope_required("a", issuers=["other"], resolve_user=False)
def of_another(request):
    return HttpResponse("in")


@scope_required("a", issuers=("default", "other"), resolve_user=False)
def of_ours(request):
    return HttpResponse("in")


@method_decorator(access_token_required(resolve_user=False), name="dispatch")
class Dispatched(View):
    def get(self, request):
        return body(request)

    post = get


@method_decorator(access_token_required(resolve_user=False), name="dispatch")
class ADispatched(View):
    async def get(self, request):
        return body(request)

    post = get


@method_decorator(access_token_required, name="dispatch")
class ResolvingADispatched(View):
    async def get(self, request):
        return body(request, await request.auser())


class Handlers(View):
    @method_decorator(scope_required("a", resolve_user=False))
    def get(self, request):
        return body(request)

    def head(self, request):
        return HttpResponse(headers={"X-Open": "yes"})


class AHandlers(View):
    @method_decorator(scope_required("a", resolve_user=False))
    async def get(self, request):
        return body(request)

    async def head(self, request):
        return HttpResponse(headers={"X-Open": "yes"})


@access_token_required(resolve_user=False)
def stream(request):
    return StreamingHttpResponse(iter(["1", "2"]))


@access_token_required(resolve_user=False)
async def astream(request):
    async def parts():
        yield "1"
        yield "2"

    return StreamingHttpResponse(parts())


@access_token_required(resolve_user=False)
@cache_control(no_store=True)
@vary_on_headers("Accept")
def own_headers(request):
    return HttpResponse("in")


def greeting(request):
    return HttpResponse(request.access_token.subject)


@access_token_required(resolve_user=False)
def nothing(request):
    return None


@login_required
def page(request):
    return HttpResponse("a page for people with a session")


urlpatterns = [
    path("plain", plain),
    path("called", called),
    path("aplain", aplain),
    path("unresolved", unresolved),
    path("aunresolved", aunresolved),
    path("all/<item>", all_of),
    path("aall/<item>", aall_of),
    path("any", any_of),
    path("other-issuer", of_another),
    path("our-issuer", of_ours),
    path("dispatched", Dispatched.as_view()),
    path("adispatched", ADispatched.as_view()),
    path("resolving", ResolvingADispatched.as_view()),
    path("handlers", Handlers.as_view()),
    path("ahandlers", AHandlers.as_view()),
    path("stream", stream),
    path("astream", astream),
    path("own-headers", own_headers),
    path("nothing", nothing),
    path("page", page),
    path(
        "cache-outside",
        cache_page(60)(access_token_required(resolve_user=False)(greeting)),
    ),
    path(
        "cache-inside",
        access_token_required(resolve_user=False)(cache_page(60)(greeting)),
    ),
]

TOKEN_ONLY = [
    "/unresolved",
    "/aunresolved",
    "/dispatched",
    "/adispatched",
    "/stream",
    "/astream",
]
either_view = pytest.mark.parametrize("url", ["/unresolved", "/aunresolved"])


# Letting in.


@both
@pytest.mark.parametrize("url", TOKEN_ONLY)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_a_good_token_comes_in(send, url, scheme, fake_issuer):
    """TE-01, TE-02."""
    headers = {"Authorization": f"{scheme} {fake_issuer.access_token()}"}
    response = send(url, headers=headers)
    assert response.status_code == 200
    assert_shareable_by_nobody(response)
    assert not response.cookies


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/plain", "/called", "/aplain", "/resolving"])
def test_the_local_user_is_resolved_by_one_query(
    send, url, fake_issuer, django_assert_num_queries
):
    send(url, fake_issuer.access_token("alice"))
    user = FederatedIdentity.objects.select_related("user").get().user
    with django_assert_num_queries(1):
        response = send(url, fake_issuer.access_token("alice"))
    assert response.json() == {
        "user": "User",
        "name": user.username,
        "subject": "alice",
    }


@both
@pytest.mark.parametrize("url", ["/unresolved", "/aunresolved", "/adispatched"])
def test_without_resolving_there_is_a_token_user_and_no_query(send, url, fake_issuer):
    assert send(url, fake_issuer.access_token()).json()["user"] == "TokenUser"


@both
@pytest.mark.django_db
def test_the_tokens_user_replaces_the_sessions(send, fake_issuer, client):
    visitor = get_user_model().objects.create_user("visitor")
    client.force_login(visitor)
    response = send("/plain", fake_issuer.access_token("alice"), client=client)
    assert response.json()["name"] != "visitor"
    assert not response.cookies
    assert list(client.session.keys())


@pytest.mark.parametrize("url", ["/stream", "/astream"])
def test_streaming_answers_stream(url, fake_issuer):
    send = send_wsgi if url == "/stream" else asgi
    response = send(url, fake_issuer.access_token())
    assert response.streaming
    assert_shareable_by_nobody(response)


# Refusing.


@both
@pytest.mark.parametrize("url", TOKEN_ONLY)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE"])
def test_no_credentials(send, url, method, fake_issuer):
    """HEAD and OPTIONS are no way round; A98."""
    assert_refusal(send(url, method=method), 401)


@both
@either_view
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    ("authorization", "status", "error"),
    [
        pytest.param("Basic YTpi", 401, None, id="TE-05"),
        pytest.param('Digest a="b", c="d"', 401, None, id="digest-with-commas"),
        pytest.param("Bearer", 400, "invalid_request", id="TE-06"),
        pytest.param("Bearer ", 400, "invalid_request", id="TE-06-space"),
        pytest.param("Bearer a b", 400, "invalid_request", id="TE-09"),
        pytest.param("Bearer  a", 400, "invalid_request", id="TE-08"),
        pytest.param("Bearer\ta", 400, "invalid_request", id="tab"),
        pytest.param("Bearer a, Bearer b", 400, "invalid_request", id="two"),
        pytest.param("Basic YTpi, Bearer b", 400, "invalid_request", id="mixed"),
        pytest.param("Bearer b, Basic YTpi", 400, "invalid_request", id="mixed-2"),
        pytest.param("Bearer a, DPoP b", 400, "invalid_request", id="dpop"),
        pytest.param("Bearer t\xf6k", 400, "invalid_request", id="A95"),
        pytest.param('Bearer a"b', 401, "invalid_token", id="TE-07"),
        pytest.param("Bearer garbage", 401, "invalid_token", id="garbage"),
    ],
)
def test_bad_credentials(send, url, method, authorization, status, error, fake_issuer):
    headers = {"Authorization": authorization}
    response = send(url, method=method, headers=headers)
    assert_refusal(response, status, error=error)


@both
@either_view
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_cannot_tell_is_503_and_the_next_request_200(
    send, url, method, fake_issuer, clock
):
    fake_issuer.clock = clock
    with install(fake_issuer, clock=clock):
        fake_issuer.fail()
        response = send(url, fake_issuer.access_token(), method=method)
        assert_refusal(response, 503)
        fake_issuer.recover()
        clock.advance(120)
        assert send(url, fake_issuer.access_token(), method=method).status_code == 200


@both
@either_view
def test_the_header_is_the_only_place_for_a_token(send, url, fake_issuer):
    """TE-13, TE-14, A92, A93."""
    token = fake_issuer.access_token()
    form = "application/x-www-form-urlencoded"
    for method, data, content_type in (
        ("GET", "", form),
        ("POST", f"access_token={token}", form),
        ("POST", json.dumps({"access_token": token}), "application/json"),
    ):
        response = send(
            f"{url}?access_token={token}",
            method=method,
            data=data,
            content_type=content_type,
        )
        assert_refusal(response, 401)
        assert not response.cookies
    assert send(f"{url}?access_token=x.y.z", token).status_code == 200


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/plain", "/aplain"])
def test_a_bad_token_never_falls_back_to_a_session(send, url, fake_issuer, client):
    """A100."""
    client.force_login(get_user_model().objects.create_user("visitor"))
    assert_refusal(send(url, client=client), 401)
    response = send(url, "x.y.z", client=client)
    assert_refusal(response, 401, error="invalid_token")


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/plain", "/aplain", "/resolving"])
def test_an_inactive_user_is_refused(send, url, fake_issuer):
    assert send(url, fake_issuer.access_token()).status_code == 200
    get_user_model().objects.update(is_active=False)
    response = send(url, fake_issuer.access_token())
    assert_refusal(response, 401, error="invalid_token")


@both
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/plain", "/aplain"])
def test_an_unknown_user_is_refused(send, url, fake_issuer, settings):
    settings.OIDC_RS = {**settings.OIDC_RS, "USERS": {"RESOLVER": "existing_user"}}
    response = send(url, fake_issuer.access_token())
    assert_refusal(response, 401, error="invalid_token")
    assert not get_user_model().objects.exists()


@both
def test_a_bearer_token_opens_no_login_page(send, fake_issuer):
    response = send("/page", fake_issuer.access_token())
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


# Scopes.


@both
@pytest.mark.parametrize("url", ["/all/x", "/aall/x"])
@pytest.mark.parametrize(
    ("scopes", "status"),
    [
        (["a", "b"], 200),
        (["b", "c", "a"], 200),
        (["a"], 403),
        (["A", "b"], 403),
        (["ab"], 403),
        (["a:b", "b"], 403),
        ([], 403),
    ],
)
def test_all_scopes_are_needed(send, url, scopes, status, fake_issuer):
    """SC-01, SC-02, SC-09, A169, A171."""
    response = send(url, fake_issuer.access_token(scopes=scopes))
    if status == 200:
        assert response.content == b"x"
    else:
        assert_refusal(response, 403, error="insufficient_scope", scope="a b")


@both
@pytest.mark.parametrize("url", ["/all/x", "/aall/x"])
def test_a_view_with_scopes_names_them_to_everybody(send, url, fake_issuer):
    """SC-10: 401 and not 403."""
    assert_refusal(send(url), 401, scope="a b")


@both
@pytest.mark.parametrize(
    ("scopes", "status"), [(["b"], 200), (["a"], 200), (["c"], 403)]
)
def test_any_scope_is_enough(send, scopes, status, fake_issuer):
    """SC-03; the challenge names the first sufficient alternative."""
    response = send("/any", fake_issuer.access_token(scopes=scopes))
    if status == 200:
        assert response.status_code == 200
    else:
        assert_refusal(response, 403, error="insufficient_scope", scope="a")


@both
def test_who_granted_the_scope_counts(send, fake_issuer):
    raw_token = fake_issuer.access_token(scopes=["a"])
    assert send("/our-issuer", raw_token).status_code == 200
    response = send("/other-issuer", raw_token)
    assert_refusal(response, 403, error="insufficient_scope", scope="a")


@pytest.mark.parametrize(
    ("make", "error"),
    [
        pytest.param(scope_required, TypeError, id="nothing"),
        pytest.param(lambda: scope_required(any_of=[]), TypeError, id="empty-any-of"),
        pytest.param(lambda: scope_required("a", any_of=["b"]), TypeError, id="both"),
        pytest.param(lambda: scope_required(any_of="ab"), TypeError, id="any-of-text"),
        pytest.param(
            lambda: scope_required("a", issuers="ab"), TypeError, id="issuers-text"
        ),
        pytest.param(lambda: scope_required(plain), TypeError, id="no-parentheses"),
        pytest.param(lambda: scope_required("a b"), ValueError, id="two-in-one"),
        pytest.param(lambda: scope_required(""), ValueError, id="empty-scope"),
        pytest.param(lambda: scope_required('a"'), ValueError, id="quote"),
        pytest.param(lambda: scope_required(["a"]), ValueError, id="a-list"),
        pytest.param(lambda: scope_required(any_of=["a", ""]), ValueError, id="a-hole"),
    ],
)
def test_mistakes_are_found_at_import(make, error):
    with pytest.raises(error):
        make()


# Methods.


@both
@pytest.mark.parametrize("url", ["/handlers", "/ahandlers"])
def test_a_single_handler_is_guarded(send, url, fake_issuer):
    assert_refusal(send(url), 401, scope="a")
    response = send(url, fake_issuer.access_token())
    assert_refusal(response, 403, error="insufficient_scope", scope="a")
    response = send(url, fake_issuer.access_token(scopes=["a"]))
    assert response.json()["user"] == "TokenUser"
    assert send(url, method="HEAD")["X-Open"] == "yes"


# What Django must know about such a view.


@pytest.mark.parametrize(
    "view", [plain, aplain, Dispatched.as_view(), ADispatched.as_view(), all_of]
)
def test_such_a_view_needs_neither_csrf_cookie_nor_login(view):
    assert view.csrf_exempt is True
    assert view.login_required is False


def test_a_single_handler_exempts_nothing():
    """Its neighbours may still be session views."""
    view = Handlers.as_view()
    assert not getattr(view, "csrf_exempt", False)
    assert getattr(view, "login_required", True)


@both
@pytest.mark.parametrize("url", ["/dispatched", "/adispatched", "/unresolved"])
def test_a_post_needs_no_csrf_token(send, url, fake_issuer):
    client = Client(enforce_csrf_checks=True)
    response = send(url, fake_issuer.access_token(), method="POST", client=client)
    assert response.status_code == 200


@both
@either_view
def test_login_required_middleware_leaves_it_alone(send, url, fake_issuer, settings):
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    assert send(url, fake_issuer.access_token()).status_code == 200
    assert_refusal(send(url), 401)


def test_the_view_keeps_its_name_and_kind():
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "Tell who asks."
    assert not iscoroutinefunction(plain)
    assert iscoroutinefunction(aplain)
    assert iscoroutinefunction(ADispatched.as_view())


def test_it_works_without_any_middleware(fake_issuer):
    headers = {"Authorization": f"Bearer {fake_issuer.access_token()}"}
    request = RequestFactory().get("/", headers=headers)
    assert unresolved(request).status_code == 200
    assert isinstance(request.user, TokenUser)
    assert request.access_token.subject == "alice"


async def test_it_works_without_any_middleware_async(fake_issuer):
    headers = {"Authorization": f"Bearer {fake_issuer.access_token()}"}
    request = AsyncRequestFactory().get("/", headers=headers)
    assert (await aunresolved(request)).status_code == 200
    assert await request.auser() == request.user


def test_a_callable_that_is_no_function(fake_issuer):
    class View:
        def __call__(self, request, *, word):
            return HttpResponse(word)

    decorated = access_token_required(resolve_user=False)(
        functools.partial(View(), word="partial")
    )
    headers = {"Authorization": f"Bearer {fake_issuer.access_token()}"}
    request = RequestFactory().get("/", headers=headers)
    assert decorated(request).content == b"partial"


def test_a_view_that_answers_nothing_gets_djangos_words(fake_issuer):
    with pytest.raises(ValueError, match="didn't return an HttpResponse"):
        send_wsgi("/nothing", fake_issuer.access_token())


# Caches.


def test_what_the_view_said_of_caching_stays(fake_issuer):
    response = send_wsgi("/own-headers", fake_issuer.access_token())
    assert response["Cache-Control"] == "no-store"
    assert set(response["Vary"].split(", ")) >= {"Accept", "Authorization"}


@both
@pytest.mark.parametrize("url", ["/cache-outside", "/cache-inside"])
def test_cache_page_hands_nobody_anothers_answer(send, url, fake_issuer, settings):
    """A106: on either side of the decorator."""
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": f"decorators{url}{send.__name__}",
        }
    }
    for subject in ("alice", "bob", "alice"):
        response = send(url, fake_issuer.access_token(subject))
        assert response.content.decode() == subject
        assert "authorization" in list_members(response["Vary"])
        # RFC 9111 section 3.5: a max-age alone allows a shared cache nothing.
        allowing = {"public", "s-maxage", "must-revalidate"}
        assert not allowing & directives(response["Cache-Control"])
    assert_refusal(send(url), 401)


# Exemption from the middleware, and the test kit.


def test_not_required_marks_the_view_itself():
    def view(request):
        return HttpResponse()

    assert access_token_not_required(view) is view
    assert view.access_token_required is False


def test_not_required_does_not_fit_a_class():
    with pytest.raises(TypeError):
        access_token_not_required(Dispatched)


@either_view
def test_a_forced_token_comes_in(url, access_token, client):
    force_access_token(client, subject="bob")
    assert client.get(url).json()["subject"] == "bob"
