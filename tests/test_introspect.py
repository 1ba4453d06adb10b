"""``introspect``: which requests of a view have the issuer asked."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from traceback import walk_tb

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.http import JsonResponse
from django.test import AsyncRequestFactory, RequestFactory
from django.urls import path
from django.views.generic import View

from django_oidc_rs import wiring
from django_oidc_rs.core.errors import InactiveToken, IntrospectionUnavailable
from django_oidc_rs.decorators import access_token_required, scope_required
from django_oidc_rs.introspect import asks_issuer, parse_introspect
from django_oidc_rs.mixins import AccessTokenRequiredMixin, ScopeRequiredMixin
from django_oidc_rs.outcome import have_one_owner
from django_oidc_rs.request import (
    aaccess_token_of,
    aauthenticate,
    access_token_of,
    authenticate,
)
from django_oidc_rs.signals import token_accepted, token_rejected
from django_oidc_rs.testing import FakeIssuer, force_access_token, install
from django_oidc_rs.wiring import get_resource_server
from tests.http_answers import assert_refusal, both, wsgi

pytestmark = pytest.mark.urls(__name__)

ISSUER = "https://issuer.test"
ASKED = {"CLIENT_ID": "orders-api", "CLIENT_SECRET": "from-the-store"}


# The value.


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (True, True),
        (False, False),
        (["POST"], {"POST"}),
        (("post", "Delete"), {"POST", "DELETE"}),
        ({"GET"}, {"GET"}),
        (iter(["PUT", "PATCH"]), {"PUT", "PATCH"}),
        (["HEAD"], {"HEAD", "GET"}),
        (["OPTIONS", "TRACE"], {"OPTIONS", "TRACE"}),
    ],
)
def test_introspect_is_read(value, parsed):
    assert parse_introspect(value) == parsed


@pytest.mark.parametrize(
    "value",
    [
        *("POST", "", "true", b"POST", None, 0, 1, object(), [], (), {}, [""]),
        *(["PSOT"], ["POST", "x"], [True], [None], ["POST,PUT"], [" POST"], [b"POST"]),
    ],
)
def test_a_misspelt_demand_is_no_demand_at_all(value):
    with pytest.raises(TypeError, match="introspect must"):
        parse_introspect(value)
    with pytest.raises(TypeError):
        access_token_required(introspect=value)
    with pytest.raises(TypeError):
        scope_required("a", introspect=value)
    with pytest.raises(TypeError):
        AccessTokenRequiredMixin.as_view(introspect=value)


@pytest.mark.parametrize(
    ("introspect", "method", "asks"),
    [
        (True, "GET", True),
        (True, None, True),
        (False, "POST", False),
        (frozenset(("POST",)), "POST", True),
        (frozenset(("POST",)), "GET", False),
        (frozenset(("POST",)), None, False),
        (frozenset(("GET",)), "HEAD", True),
        (frozenset(("POST",)), "HEAD", False),
        (frozenset(("HEAD", "GET")), "GET", True),
    ],
)
def test_which_requests_ask(introspect, method, asks):
    assert asks_issuer(introspect, method) is asks


# Views.


def told(request):
    token = request.access_token
    return JsonResponse({"by": token.validated_by, "user": str(request.user)})


@access_token_required(introspect=True, resolve_user=False)
def always(request):
    return told(request)


@access_token_required(introspect=True, resolve_user=False)
async def aalways(request):
    return told(request)


@scope_required("pay", introspect=["POST"], resolve_user=False)
def pay(request):
    return told(request)


@scope_required("pay", introspect=["POST"], resolve_user=False)
async def apay(request):
    return told(request)


class Pay(ScopeRequiredMixin, View):
    required_scopes = ["pay"]
    introspect = ["POST"]
    resolve_user = False

    def get(self, request):
        return told(request)

    def post(self, request):
        return told(request)


class APay(Pay):
    async def get(self, request):
        return told(request)

    async def post(self, request):
        return told(request)


class Always(AccessTokenRequiredMixin, View):
    introspect = True
    resolve_user = False

    def get(self, request):
        return told(request)

    post = get


urlpatterns = [
    path("always", always),
    path("aalways", aalways),
    path("class/always", Always.as_view()),
    path("pay", pay),
    path("apay", apay),
    path("class/pay", Pay.as_view()),
    path("class/apay", APay.as_view()),
    path("class/never", Always.as_view(introspect=False)),
]
ALWAYS = ["/always", "/aalways", "/class/always"]
PAY = ["/pay", "/apay", "/class/pay", "/class/apay"]


@pytest.fixture
def configure(settings):
    """Configure one issuer that can be asked; keywords are its settings."""

    def apply(*, validation="local", cache_seconds=0, **top):
        asked = {**ASKED, "CACHE_SECONDS": cache_seconds}
        issuer = {
            "ISSUER": ISSUER,
            "VALIDATION": validation,
            "INTROSPECTION": asked,
            **top.pop("ISSUER", {}),
        }
        settings.OIDC_RS = {
            "AUDIENCE": "https://api.test",
            "ISSUERS": {"default": issuer},
            **top,
        }

    return apply


@pytest.fixture
def issuer(configure):
    configure()
    fake = FakeIssuer()
    with install(fake):
        yield fake


def asked(issuer):
    return len(issuer.introspection.questions)


@both
@pytest.mark.parametrize("url", ALWAYS)
def test_a_high_risk_view_asks_on_every_request(send, url, issuer):
    raw_token = issuer.access_token()
    for number in (1, 2):
        assert send(url, raw_token).json()["by"] == "introspection"
        assert asked(issuer) == number
    issuer.revoke(raw_token)
    assert_refusal(send(url, raw_token), 401, error="invalid_token")


@both
@pytest.mark.parametrize("url", PAY)
def test_methods_that_ask_and_methods_that_do_not(send, url, issuer):
    raw_token = issuer.access_token(scopes=["pay"])
    assert send(url, raw_token).json()["by"] == "jwt"
    send(url, raw_token, method="HEAD")
    assert asked(issuer) == 0
    assert send(url, raw_token, method="POST").json()["by"] == "introspection"
    assert asked(issuer) == 1
    issuer.revoke(raw_token)
    assert send(url, raw_token).status_code == 200
    assert send(url, raw_token, method="POST").status_code == 401


@pytest.mark.parametrize("url", ["/class/never"])
def test_as_view_may_say_otherwise(url, issuer):
    assert wsgi(url, issuer.access_token()).json()["by"] == "jwt"
    assert asked(issuer) == 0


@both
@pytest.mark.parametrize("url", ALWAYS)
def test_an_issuer_that_is_down_is_503_and_never_a_yes_of_ours(send, url, issuer):
    raw_token = issuer.access_token()
    issuer.introspection.failure = wiring.FetchError("status", status=500)
    answer = send(url, raw_token)
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) >= 1
    assert "WWW-Authenticate" not in answer


@both
@pytest.mark.parametrize("url", PAY)
def test_scopes_are_those_the_issuer_tells_now(send, url, issuer):
    raw_token = issuer.access_token(scopes=["pay"])
    issuer.introspection.answer = {"active": True, "scope": "read"}
    assert send(url, raw_token).status_code == 200
    assert send(url, raw_token, method="POST").status_code == 403


@both
@pytest.mark.parametrize("url", [*ALWAYS, *PAY])
def test_garbage_costs_the_issuer_nothing(send, url, issuer):
    for raw_token in ("garbage.x.y", "opaque-token-0123456789"):
        assert send(url, raw_token, method="POST").status_code == 401
    assert send(url, method="POST").status_code == 401
    late = issuer.access_token(exp=1)
    assert send(url, late, method="POST").status_code == 401
    assert asked(issuer) == 0


def test_the_test_kit_passes_high_risk_views(issuer, client):
    force_access_token(client, scopes=["pay"])
    for url in (*ALWAYS, *PAY):
        assert client.get(url).json()["by"] == "test"
    for url in PAY:
        assert client.post(url).status_code == 200
    assert asked(issuer) == 0


# One request, looked at twice.


class Heard(list):
    def accepted(self, **payload):
        self.append(("accepted", payload["access_token"].validated_by))

    def rejected(self, **payload):
        self.append(("rejected", payload["error"].code))


@pytest.fixture
def heard():
    receivers = Heard()
    token_accepted.connect(receivers.accepted)
    token_rejected.connect(receivers.rejected)
    yield receivers
    token_accepted.disconnect(receivers.accepted)
    token_rejected.disconnect(receivers.rejected)


def get(raw_token):
    return RequestFactory().get("/", headers={"Authorization": f"Bearer {raw_token}"})


def twice(request, **options):
    """Authenticate as a middleware does, then as a high-risk view does, twice."""
    first = authenticate(request, **options)
    return first, *(authenticate(request, introspect=True, **options) for _ in range(2))


async def atwice(request, **options):
    first = await aauthenticate(request, **options)
    return first, *[
        await aauthenticate(request, introspect=True, **options) for _ in range(2)
    ]


def in_a_loop(request, **options):
    return async_to_sync(atwice)(request, **options)


WAYS = pytest.mark.parametrize("way", [twice, in_a_loop])


@WAYS
def test_what_was_checked_here_is_asked_about_once(way, issuer, heard):
    one, two, three = way(get(issuer.access_token()), resolve=False)
    assert one.access_token.validated_by == "jwt"
    assert two.access_token.validated_by == "introspection"
    assert three.access_token is two.access_token
    assert asked(issuer) == 1
    assert heard == [("accepted", "jwt")]


@WAYS
@pytest.mark.django_db(transaction=True)
def test_the_user_is_resolved_once(way, issuer, heard):
    one, two, three = way(get(issuer.access_token()))
    assert one.user is two.user is three.user
    assert isinstance(one.user, get_user_model())


@WAYS
@pytest.mark.django_db(transaction=True)
def test_another_owner_is_another_user(way, issuer):
    # The JWT is a client's own; the issuer says now for whom it acts.
    raw_token = issuer.access_token(subject=None)
    issuer.introspection.answer = {"active": True, "sub": "bob"}
    one, two, _three = way(get(raw_token))
    assert one.access_token.is_machine
    assert two.access_token.subject == "bob"
    assert one.user != two.user


@WAYS
def test_refused_after_it_was_accepted(way, issuer, heard):
    raw_token = issuer.access_token()
    issuer.revoke(raw_token)
    request = get(raw_token)
    with pytest.raises(InactiveToken) as caught:
        way(request, resolve=False)
    assert caught.value.issuer_alias == "default"
    for introspect in (False, True):
        with pytest.raises(InactiveToken):
            access_token_of(request, introspect=introspect)
        with pytest.raises(InactiveToken):
            async_to_sync(aaccess_token_of)(request, introspect=introspect)
    # Refused for good: nobody asks again for this request.
    assert asked(issuer) == 1
    assert heard == [("accepted", "jwt"), ("rejected", "inactive_token")]


def test_nobody_could_tell_and_nobody_is_asked_again(issuer, heard):
    request = get(issuer.access_token())
    issuer.introspection.failure = wiring.FetchError("status", status=400)
    with pytest.raises(IntrospectionUnavailable):
        twice(request, resolve=False)
    issuer.introspection.failure = None
    with pytest.raises(IntrospectionUnavailable):
        authenticate(request, introspect=True)
    assert asked(issuer) == 1
    assert heard[1:] == [("rejected", "introspection_unavailable")]


def test_what_was_asked_at_first_is_not_asked_again(issuer):
    request = get(issuer.access_token())
    for introspect in (True, False, True):
        token = access_token_of(request, introspect=introspect)
        assert token.validated_by == "introspection"
    assert asked(issuer) == 1


def test_nobody_without_credentials_is_asked_about(issuer, heard):
    request = RequestFactory().get("/")
    assert twice(request) == (None,) * 3
    assert (asked(issuer), heard) == (0, [])


def test_a_bad_token_is_not_asked_about_later(issuer):
    request = get("garbage")
    for introspect in (False, True):
        with pytest.raises(Exception, match="malformed"):
            access_token_of(request, introspect=introspect)
    assert asked(issuer) == 0


def test_a_cached_answer_does_not_do_for_a_high_risk_view(configure):
    configure(validation="auto", cache_seconds=60)
    issuer = FakeIssuer()
    with install(issuer):
        raw_token = issuer.opaque_token()
        access_token_of(get(raw_token))
        access_token_of(get(raw_token))
        assert asked(issuer) == 1
        request = get(raw_token)
        access_token_of(request)
        access_token_of(request, introspect=True)
        assert asked(issuer) == 2
        issuer.revoke(raw_token)
        assert access_token_of(get(raw_token))
        with pytest.raises(InactiveToken):
            access_token_of(get(raw_token), introspect=True)
        # What it learnt serves all views.
        with pytest.raises(InactiveToken):
            access_token_of(get(raw_token))
        assert asked(issuer) == 3


def test_an_issuer_that_is_always_asked_needs_no_keys(configure):
    configure(validation="introspection")
    issuer = FakeIssuer()
    with install(issuer):
        raw_token = issuer.access_token()
        issuer.rotate()
        for introspect in (False, True):
            token = access_token_of(get(raw_token), introspect=introspect)
            assert token.validated_by == "introspection"
        assert issuer.jwks_uri not in issuer.fetches
        issuer.revoke(raw_token)
        with pytest.raises(InactiveToken):
            access_token_of(get(raw_token))


def test_owners(access_token):
    one = access_token()
    assert have_one_owner(one, replace(one, scopes=frozenset(("x",))))
    assert not have_one_owner(one, None)
    assert have_one_owner(None, None)
    for edit in (
        {"subject": "x"},
        {"client_id": "x"},
        {"issuer": "x"},
        {"is_machine": True},
    ):
        assert not have_one_owner(one, replace(one, **edit))


def chain(error):
    """Yield ``error`` and all that led to it."""
    todo, seen = [error], set()
    while todo:
        each = todo.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            todo += [each.__cause__, each.__context__]


def faults(issuer):
    """Yield what an issuer may do, and a fault of ours."""
    for failure in (
        wiring.FetchError("connect"),
        wiring.FetchError("status", status=401),
        RuntimeError("a fault of ours"),
    ):
        issuer.introspection.failure = failure
        yield
    issuer.introspection.failure = None
    issuer.introspection.answer = {"active": True, "sub": "somebody else"}
    yield
    issuer.introspection.answer = {"active": False}
    yield


@pytest.mark.parametrize(
    "ask", [access_token_of, async_to_sync(aaccess_token_of)], ids=["sync", "async"]
)
def test_no_frame_of_a_refusal_holds_token_or_secret(ask, issuer, caplog):
    for _ in faults(issuer):
        # A new server each time: no breaker stands in the way.
        wiring.reset()
        raw_token = issuer.access_token()
        with pytest.raises(Exception) as caught:
            ask(get(raw_token), introspect=True)
        assert asked(issuer)
        told = [repr(caught.value), str(caught.value), caplog.text]
        for error in chain(caught.value):
            told.append(repr(vars(error)) + str(error))
            told += [
                repr(frame.f_locals)
                for frame, _line in walk_tb(error.__traceback__)
                if frame.f_code.co_filename != __file__
            ]
        for secret in (raw_token, raw_token.rpartition(".")[2], "from-the-store"):
            assert secret not in "".join(told)


# Middleware first.


@both
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("url", ["/always", "/aalways"])
def test_a_middleware_that_demands_a_token_and_a_view_that_asks(
    send, url, settings, configure, heard
):
    configure(REQUIRED_PATHS=["/"])
    name = "django_oidc_rs.middleware.AccessTokenRequiredMiddleware"
    settings.MIDDLEWARE = [name, *settings.MIDDLEWARE]
    issuer = FakeIssuer()
    with install(issuer):
        raw_token = issuer.access_token()
        assert send(url, raw_token).json()["by"] == "introspection"
        assert asked(issuer) == 1
        assert heard == [("accepted", "jwt")]
        issuer.revoke(raw_token)
        assert_refusal(send(url, raw_token), 401, error="invalid_token")
        assert heard[1:] == [("accepted", "jwt"), ("rejected", "inactive_token")]


# The event loop.


async def goes_on(coroutine, issuer):
    """Run ``coroutine``; the issuer answers only when the loop has turned meanwhile."""
    loop, is_asked = asyncio.get_running_loop(), asyncio.Event()
    answer = threading.Event()

    def post(url, **options):
        loop.call_soon_threadsafe(is_asked.set)
        assert answer.wait(10)
        return issuer.introspection.post(url, **options)

    with wiring.substitute(replace(wiring.get_seams(), post=post)):
        task = asyncio.create_task(coroutine)
        try:
            await is_asked.wait()
            turns = 0
            for _ in range(100):
                await asyncio.sleep(0)
                turns += 1
            # Only a loop that is not blocked comes here before the answer is given.
            assert (turns, task.done()) == (100, False)
        finally:
            answer.set()
        return await task


def aget(raw_token):
    headers = {"Authorization": f"Bearer {raw_token}"}
    return AsyncRequestFactory().get("/", headers=headers)


async def test_the_event_loop_goes_on_while_a_jwt_is_asked_about(issuer):
    request = aget(issuer.access_token())
    token = await goes_on(aaccess_token_of(request, introspect=True), issuer)
    assert token.validated_by == "introspection"


@pytest.mark.parametrize("validators", [[], [f"{__name__}.say_nothing"]])
async def test_the_event_loop_goes_on_while_an_opaque_token_is_asked_about(
    configure, validators
):
    configure(validation="auto", ISSUER={"VALIDATORS": validators})
    issuer = FakeIssuer()
    with install(issuer):
        request = aget(issuer.opaque_token())
        token = await goes_on(aaccess_token_of(request), issuer)
        assert token.validated_by == "introspection"
        issuer.revoke(raw_token := issuer.opaque_token())
        with pytest.raises(InactiveToken):
            await goes_on(aaccess_token_of(aget(raw_token)), issuer)


async def test_an_async_view_asks_off_the_loop(issuer):
    request = aget(issuer.access_token())
    response = await goes_on(aalways(request), issuer)
    assert response.status_code == 200


def say_nothing(access_token):
    return None


# Verified tokens that are kept.


def test_who_has_the_issuer_asked_gets_no_kept_token(configure):
    configure(TOKEN_CACHE={"SIZE": 10})
    fake = FakeIssuer()
    with install(fake):
        raw_token = fake.access_token()
        for _ in range(2):
            assert access_token_of(get(raw_token)).validated_by == "jwt"
        assert asked(fake) == 0
        live = access_token_of(get(raw_token), introspect=True)
        assert (live.validated_by, asked(fake)) == ("introspection", 1)
        # What the issuer said is not kept beside what was verified here.
        assert access_token_of(get(raw_token)).validated_by == "jwt"
        fake.revoke(raw_token)
        with pytest.raises(InactiveToken):
            access_token_of(get(raw_token), introspect=True)


@pytest.mark.parametrize("opaque", [True, False])
def test_what_the_issuer_is_asked_about_is_not_kept(configure, opaque):
    configure(validation="introspection", TOKEN_CACHE={"SIZE": 10})
    fake = FakeIssuer()
    with install(fake):
        raw_token = fake.opaque_token() if opaque else fake.access_token()
        for count in (1, 2):
            assert access_token_of(get(raw_token)).validated_by == "introspection"
            assert asked(fake) == count
        assert len(get_resource_server()._cache) == 0
        fake.revoke(raw_token)
        with pytest.raises(InactiveToken):
            access_token_of(get(raw_token))
